from django.db import migrations, models

# What an applicant asks of the clearance-service enterprise it names: who of the approved it is, and whether it has that
# service where the applicant wants it. More of another's row it may not read.
CLEARING = """
CREATE FUNCTION accounts_clearing(code text, service_type text, service_mode text, service_district text)
RETURNS TABLE (name varchar, types varchar[], serves boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT e.name, e.types,
           EXISTS (SELECT FROM accounts_service s
                    WHERE s.enterprise_id = e.id AND s.ended IS NULL AND s.enterprise_type = service_type
                      AND s.mode = service_mode AND s.district = service_district)
      FROM accounts_enterprise e WHERE e.state = 'approved' AND e.customs_code = code
$$;
REVOKE ALL ON FUNCTION accounts_clearing(text, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_clearing(text, text, text, text) TO portal_web, portal_staff;
"""
RIGHTS = "GRANT UPDATE (end_reason) ON accounts_service TO portal_staff"
RIGHTS_BACK = "REVOKE UPDATE (end_reason) ON accounts_service FROM portal_staff"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0017_profile_wall")]

    operations = [
        migrations.AddField(
            model_name="service",
            name="end_reason",
            field=models.CharField(blank=True, db_default="", default="", max_length=200, verbose_name="终止原因"),
        ),
        migrations.RunSQL(RIGHTS, RIGHTS_BACK),
        migrations.RunSQL(CLEARING, "DROP FUNCTION accounts_clearing(text, text, text, text)"),
    ]
