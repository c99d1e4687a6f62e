"""Every rule by its number: how grave it is, what is wrong, what to do, and the clause it rests on.

Step 4 of the walk speaks only in these numbers. S rules are found by the shape of a cell (`fields.py`), X rules by the
reader of a sheet, E rules hold for every kind, O for orders, P for payments, W for waybills, L for declaration lists
(`rules/`). A problem keeps the number and its figures; the words are put in when it is shown, in the reader's language.
Parameters never hold a person's data.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

ERROR, WARNING, NOTICE, SKIP, WAIT = "error", "warning", "notice", "skip", "wait"


@dataclass(frozen=True, slots=True)
class Rule:
    """`text` says what is wrong, `cure` what to do, both with %-parameters; `level` whether filing is stopped.

    error: not filed until corrected; wait: saved, and sent by itself once time has cured it; warning: filed, the clerk is
    told; notice: we tidied the value ourselves; skip: nothing to file, it is there already.
    """

    number: str
    text: str | Promise
    cure: str | Promise
    basis: str | Promise = ""
    level: str = ERROR


SPEC = _("海关跨境统一版系统企业对接报文规范 202205")
NOTICE_194 = _("海关总署公告 2018 年第 194 号")
GUIDE = _("上海跨境电商公共服务平台指南")

# A table: one rule is one entry.
# fmt: off
SHAPE = (
    Rule("S01", _("必填项没有填写。"), _("请补填。"), SPEC),
    Rule("S02", _("共 %(length)s 个字符，最多 %(limit)s 个。"), _("请缩短。"), SPEC),
    Rule("S03", _("应为 %(wanted)s 位，现为 %(length)s 位。"), _("请核对后补足或删去多余字符。"), SPEC),
    Rule("S04", _("代码“%(value)s”不在代码表内。"), _("请填代码而不是名称，可在模板的“代码表”页查找。"), SPEC),
    Rule("S37", _("填的不是代码表内的代码。"), _("请填代码而不是名称，可在模板的“代码表”页查找。"), SPEC),
    Rule("S38", _("填的不是代码表内的代码；是不是“%(name)s”（%(code)s）？"), _("请改填代码，可在模板的“代码表”页查找。"), SPEC),
    Rule("S05", _("格式不对，应为%(wanted)s。"), _("请按此格式重填。"), SPEC),
    Rule("S06", _("Excel 已把这个长数字截断，后几位不再是原来的数字。"),
         _("请把单元格格式设为“文本”，再从原始数据重新粘贴。"), _("Excel 只保留 15 位有效数字")),
    Rule("S07", _("含有看不见的或报文无法表示的字符（%(points)s，第 %(place)s 个字符）。"),
         _("请删去该字符，最好在单元格内重新键入。"), "XML 1.0 §2.2"),
    Rule("S08", _("只能用半角字母、数字和符号，中间不能有空格。"), _("请改用半角字符并删去空格。"), SPEC),
    Rule("S09", _("不是数字。"), _("请只填数字，不带单位、货币符号或文字。"), SPEC),
    Rule("S10", _("数字里有逗号。"), _("请删去千位分隔符，小数点用半角句点，例如 1234.50。"), SPEC),
    Rule("S11", _("不能是负数。"), _("请填零或正数；抵扣、优惠填正数。"), SPEC),
    Rule("S12", _("小数多于 %(places)s 位。"), _("请四舍五入到 %(places)s 位以内。"), SPEC),
    Rule("S13", _("整数部分多于 %(digits)s 位。"), _("请核对数值和单位。"), SPEC),
    Rule("S14", _("不能用科学记数法，也不能是无穷或非数。"), _("请写出完整数字，例如 12000。"), SPEC),
    Rule("S15", _("应为 1 到 %(limit)s 之间的整数。"), _("请填整数。"), SPEC),
    Rule("S16", _("不是有效日期。"), _("请填 8 位日期，例如 20250601，并核对月份和日子。"), SPEC),
    Rule("S17", _("不是有效时间。"), _("请填北京时间，例如 2025-06-01 09:30:00，不带时区。"), SPEC),
    Rule("S18", _("年份应在 2000 到 2099 之间。"), _("请填四位年份并核对。"), SPEC),
    Rule("S19", _("身份证号应为 18 位，前 17 位是数字，末位是数字或 X；现为 %(length)s 位。"),
         _("请对照证件重填；15 位旧号请换成 18 位新号。"), _("GB 11643；证件类型仅限身份证")),
    Rule("S20", _("身份证号的校验位不对，号码有错。"), _("请向订购人核对后重填。"), "GB 11643"),
    Rule("S21", _("身份证号里的出生日期不存在。"), _("请向订购人核对后重填。"), "GB 11643"),
    Rule("S22", _("不是电话号码。"), _("请填手机号，或区号加座机号，例如 021-68890000。"), SPEC),
    Rule("S23", _("不能用“空”“无”“/”代替名称。"), _("请填真实的名称或姓名。"), SPEC),
    Rule("S24", _("只能是 %(wanted)s。"), _("请改为 %(wanted)s 或留空由系统填写。"), SPEC),
    Rule("S25", _("单元格的类型不对，这里应为文字。"), _("请把单元格格式设为“文本”后重新填写。"), SPEC),
    Rule("S26", _("由海关给出，申报时不能填写。"), _("请留空。"), SPEC),
    Rule("S27", _("这里要填代码，“%(value)s”的代码是 %(code)s。"), _("请改填代码。"), SPEC),
    Rule("S28", _("这里要填代码，填的却是身份证号。"), _("请改填代码；身份证号只填在证件号码一栏。"), SPEC),
    Rule("S29", _("这个编码没有在本平台登记，带不出“%(name_field)s”。"), _("请核对编码；编码无误请自己填写名称。"), SPEC),
    Rule("S31", _("全角字符已改为半角。"), _("无须处理，请看一眼结果。"), SPEC, NOTICE),
    Rule("S32", _("小写字母已改为大写。"), _("无须处理，请看一眼结果。"), SPEC, NOTICE),
    Rule("S33", _("数字格式的单元格丢了前面的零，已补足。"), _("无须处理；下次请把单元格格式设为“文本”。"), SPEC, NOTICE),
    Rule("S34", _("特殊空格已改为普通空格，或电话中的空格已删去。"), _("无须处理，请看一眼结果。"), SPEC, NOTICE),
    Rule("S35", _("电话前的国际区号 86 已删去。"), _("无须处理，请看一眼结果。"), SPEC, NOTICE),
    Rule("S36", _("姓名中的间隔号已统一为“·”。"), _("无须处理，请看一眼结果。"), SPEC, NOTICE),
)

SHEET = (
    Rule("X01", _("同一单证的各行里，这一栏的内容不一致（第 %(first)s 行与本行）。"),
         _("请把属于同一单证的各行改成一样，或改正单号。"), _("一份单证只有一个表头")),
    Rule("X02", _("同一单号在本文件中出现多次而内容不同（另见第 %(first)s 行）。"),
         _("请只保留一份，或改正单号。"), _("业务主键唯一")),
    Rule("X03", _("与第 %(first)s 行完全相同，只申报一次。"), _("无须处理。"), _("业务主键唯一"), SKIP),
    Rule("X04", _("单元格显示错误值 %(shown)s。"), _("请改正公式，或直接填写内容。"), _("错误值不是内容")),
    Rule("X05", _("公式没有计算结果。"), _("请在 Excel 或 WPS 中打开、计算并保存，或直接填写内容。"), _("没有结果的公式不是内容")),
    Rule("X06", _("工作表里有隐藏或被筛选掉的行，也已读入。"), _("不申报的行请删去后重新上传。"), _("隐藏的行也是数据"), NOTICE),
    Rule("X07", _("用这个单号的单证不止一份，而第 %(which)s 行没有填写“%(columns)s”，分不清属于哪一份。"),
         _("请在第 %(which)s 行补填；各份单证的单号也请核对。"), _("业务主键唯一")),
)

EVERY_KIND = (
    Rule("E01", _("本企业不在这份单证上。"),
         _("“%(columns)s”中应有一个是本企业的海关编码或统一社会信用代码；请核对，或由单证所列企业申报。"),
         _("海关总署公告 2018 年第 56 号：谁申报谁加签")),
    Rule("E02", _("本企业的类型不能申报%(kind)s。"), _("可申报的企业：%(types)s。请联系平台核对企业类型。"), _("上海跨境电商公共服务平台指南 §4")),
    Rule("E03", _("商品共 %(count)s 项，应为 1 到 99 项。"), _("请拆成几份单证，或补上商品。"), SPEC),
    Rule("E04", _("已于 %(day)s 申报，内容相同，不重复申报。"), _("无须处理，可在列表中按单号查看。"), _("业务主键唯一"), SKIP),
    Rule("E05", _("已于 %(day)s 申报，而这次的内容不同。"),
         _("请在列表中按单号核对；未被退单的单证不能用同一单号重新申报。"), _("业务主键唯一")),
    Rule("E06", _("时间在将来。"), _("请核对日期；时间按北京时间填写。"), SPEC),
    Rule("E07", _("尚无订单号对应的%(document)s，应由%(owner)s申报。"),
         _("申报后先等待，%(document)s被海关接受后自动发往海关；请先核对订单编号。"),
         _("上海跨境电商公共服务平台指南 §6.2–6.3"), WAIT),
    Rule("E08", _("订单号对应的%(document)s尚未被海关接受，申报方是%(owner)s。"), _("申报后先等待，%(document)s被海关接受后自动发往海关。"),
         _("上海跨境电商公共服务平台指南 §6.2–6.3"), WAIT),
    Rule("E09", _("与%(document)s的申报企业是同一家。"), _("订单、支付单、运单须由不同企业申报；请由相应企业申报。"),
         _("上海跨境电商公共服务平台指南 §6.2、§6.3 注")),
    Rule("E10", _("编码“%(value)s”没有在本平台登记，无法核对。"), _("请核对编码；无误可照常申报。"), GUIDE, WARNING),
    Rule("E11", _("名称与登记的“%(name)s”不一致。"), _("请核对编码与名称；海关按编码认企业。"), SPEC, WARNING),
    Rule("E12", _("另一家电商平台有同一订单编号的%(document)s。"), _("请核对电商平台代码与订单编号；无误则照常等待。"),
         GUIDE, WAIT),
    Rule("E13", _("这个编号已用于另一份单证。"), _("请换一个编号；系统生成的编号可留空。"), _("海关回执按编号对应单证")),
    Rule("E14", _("已于 %(day)s 申报，内容相同，正在等待前序单证，不重复申报。"), _("无须处理，到齐后自动发往海关，可在列表中按单号查看。"),
         _("业务主键唯一"), SKIP),
    Rule("E15", _("%(why)s。"), _("请由企业管理员在“企业类型登记”中提交有效的许可证，审核通过后即可申报。"), GUIDE),
)

ORDER = (
    Rule("O01", _("实际支付金额应为 %(wanted)s，即商品价格＋运杂费＋代扣税款－非现金抵扣。"), _("请核对五项金额。"), SPEC),
    Rule("O02", _("商品价格应等于各项总价之和 %(wanted)s。"), _("请核对商品价格与各项总价。"), SPEC),
    Rule("O03", _("总价应为单价×数量，即 %(wanted)s。"), _("请核对单价、数量和总价。"), SPEC),
    Rule("O04", _("数量必须大于零。"), _("请填实际数量。"), SPEC),
    Rule("O05", _("支付企业代码、名称、交易编号应同时填写。"), _("请补齐三项，或全部留空。"), SPEC),
    Rule("O06", _("单价为零。"), _("只有赠品可以填零；不是赠品请填实际单价。"), SPEC, WARNING),
)

PAYMENT = (
    Rule("P01", _("支付金额必须大于零。"), _("请填买方实际支付的金额。"), SPEC),
)

WAYBILL = (
    Rule("W01", _("毛重必须大于零。"), _("请填包裹的实际毛重，单位千克。"), SPEC),
    Rule("W02", _("保税进口的运单不填提运单号。"), _("请留空。"), SPEC),
    Rule("W03", _("直购进口的运单必须填提运单号。"), _("请填总运单号。"), SPEC),
)

INVENTORY = (
    Rule("L01", _("保税进口（1210）必须填写此项。"), _("请补填。"), SPEC),
    Rule("L02", _("保税进口（1210）不填此项。"), _("请留空。"), SPEC),
    Rule("L03", _("保税进口（1210）的起运国应为 142（中国）。"), _("请改为 142。"), SPEC),
    Rule("L04", _("直购进口（9610）必须填写此项。"), _("请补填。"), SPEC),
    Rule("L05", _("直购进口（9610）不填此项。"), _("请留空。"), SPEC),
    Rule("L06", _("净重大于毛重。"), _("请核对两项重量，单位都是千克。"), SPEC),
    Rule("L07", _("重量必须大于零。"), _("请填实际重量，单位千克。"), SPEC),
    Rule("L08", _("第二数量与第二计量单位应同时填写或同时留空。"), _("请补齐，或一并删去。"), SPEC),
    Rule("L09", _("担保企业应是清单上的电商平台、电商企业或物流企业之一。"), _("请改为三者之一的海关编码。"),
         _("海关总署公告 2018 年第 194 号第十三条")),
    Rule("L10", _("总价应为单价×数量，即 %(wanted)s。"), _("请核对单价、数量和总价。"), SPEC),
    Rule("L11", _("数量必须大于零。"), _("请填实际数量。"), SPEC),
    Rule("L12", _("进口清单的贸易方式只能是 1210 或 9610。"), _("保税进口填 1210，直购进口填 9610。"), NOTICE_194),
    Rule("L13", _("申报单位与法定单位相同，而数量不同。"), _("请核对数量与法定数量。"), SPEC, WARNING),
    Rule("L14", _("这种贸易方式的清单应由%(owner)s或电商企业自己申报。"), _("请核对贸易方式，或由相应企业申报。"), _("上海跨境电商公共服务平台指南 §6.2–6.3")),
    Rule("L15", _("单价为零。"), _("只有赠品可以填零；不是赠品请填实际单价。"), SPEC, WARNING),
    Rule("L16", _("没有这家电商企业委托本企业在 %(district)s 关区申报 %(mode)s 清单的有效委托。"),
         _("请双方在“委托”页办理，接受并到开始日期后再申报；或由电商企业自己申报。"), _("海关总署公告 2018 年第 194 号第八条")),
)

# fmt: on
RULES: dict[str, Rule] = {
    rule.number: rule for rule in (*SHAPE, *SHEET, *EVERY_KIND, *ORDER, *PAYMENT, *WAYBILL, *INVENTORY)
}
