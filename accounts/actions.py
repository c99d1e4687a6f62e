"""The words for what is written down: one table of actions with their Chinese names."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Action(models.TextChoices):
    """What somebody did. A new deed gets a new line here; a line once used is never renamed."""

    SIGN_IN = "sign_in", _("登录")
    SIGN_IN_REFUSED = "sign_in_refused", _("登录被拒绝")
    SIGN_OUT = "sign_out", _("退出")
    SWITCH_ENTERPRISE = "switch_enterprise", _("切换企业")
    STAFF_ADD = "staff_add", _("后台新增")
    STAFF_CHANGE = "staff_change", _("后台修改")
    CREDENTIAL_MADE = "credential_made", _("登记证书")
    PASSWORD_CHANGED = "password_changed", _("修改密码")
    UPLOAD = "upload", _("上传工作簿")
    UPLOAD_FILED = "upload_filed", _("申报工作簿中的数据")
    UPLOAD_DISCARDED = "upload_discarded", _("放弃工作簿")
    DRAFT_SAVED = "draft_saved", _("暂存")
    DRAFT_DELETED = "draft_deleted", _("删除暂存")
    FILE = "file", _("申报")
    RAW_DOWNLOAD = "raw_download", _("下载原始报文")
    UNCOVER = "uncover", _("显示个人信息")
    EXPORT = "export", _("导出报文")
    RETRY = "retry", _("重新处理")
    GUARANTEE_TOP_UP = "guarantee_top_up", _("担保额度增加")
    GUARANTEE_REDUCED = "guarantee_reduced", _("担保额度减少")
    TAX_PAID = "tax_paid", _("确认缴税")
    DISCREPANCY_SETTLED = "discrepancy_settled", _("账务差异已处理")
    APPLICATION_SUBMITTED = "application_submitted", _("提交申请")
    APPLICATION_WITHDRAWN = "application_withdrawn", _("撤回申请")
    APPLICATION_TAKEN = "application_taken", _("接手审核")
    APPLICATION_APPROVED_FIRST = "application_first_approved", _("初审通过")
    APPLICATION_APPROVED = "application_approved", _("审核通过")
    APPLICATION_RETURNED = "application_returned", _("退回补正")
    APPLICATION_REFUSED = "application_refused", _("不予通过")
    MANDATE_PROPOSED = "mandate_proposed", _("提出委托")
    MANDATE_ACCEPTED = "mandate_accepted", _("接受委托")
    MANDATE_DECLINED = "mandate_declined", _("不接受委托")
    MANDATE_REVOKED = "mandate_revoked", _("撤销委托")
    ENTERPRISE_OPENED = "enterprise_opened", _("开通企业")
    ENTERPRISE_SUSPENDED = "enterprise_suspended", _("暂停企业")
    ENTERPRISE_REOPENED = "enterprise_reopened", _("恢复企业")
