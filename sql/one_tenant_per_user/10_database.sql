-- What only a superuser may do in the new database: install the extension, say who may come in.
-- The other files are run by demo_owner.

create extension tenancy;

grant tenancy_gateway to demo_gateway;

-- By default everybody may connect and make temporary tables. Here it is said by name.
select format('revoke all on database %I from public', current_database()) \gexec
select format('grant connect on database %I to demo_owner, demo_gateway', current_database()) \gexec

-- Nothing of this demo lives in schema public, so nobody needs it.
revoke all on schema public from public;

-- What PostgreSQL lets everybody do by default and no tenant needs: temporary tables, notifications, signals, looking at the
-- activity of others. `select * from tenancy.harden()` lists it with what each revoke stops and may break.
select count(*) from tenancy.harden(apply => true);

-- This application lets its own admins do what is for operators otherwise: suspend tenants, read what is on record, and look
-- after isolation. Each of these asks for the bypass context of an admin; the role alone opens none. See docs/operators.md.
grant execute on function tenancy.suspend(text, text), tenancy.resume(text), tenancy.session_counts(), tenancy.start_isolation_run()
to tenancy_admin;
grant select on tenancy.suspensions, tenancy.audit_log, tenancy.isolation_runs, tenancy.isolation_results to tenancy_admin;
