-- What the page asks beyond the application's own rows: one's sessions, and for admins the tenants, the audit log, what is
-- protected and what the check finds. The same for both demos; it is loaded after the files of their folders.
--
-- "For admins" is granted to tenancy_admin alone. Every login of a gateway can become that role, so each of these also asks
-- for a bypass context, which only the token of an admin who has chosen no tenant opens. What they use of the extension was
-- opened by the superuser in 10_database.sql.

-- ---------------------------------------------------------------- sessions
create view api.sessions with (security_invoker = true) as
select id,
       is_current   as "current",
       created_at   as "startedAt",
       last_used_at as "lastUsedAt",
       expires_at   as "expiresAt",
       tenant_id    as "tenantId",
       address,
       user_agent   as "userAgent"
from tenancy.my_sessions();
comment on view api.sessions is 'One''s own live sessions.';
comment on column api.sessions.id is 'Names the session to end_session; opens nothing.';
comment on column api.sessions."current" is 'Whether it is the session that asks.';
comment on column api.sessions."startedAt" is 'When the user signed in.';
comment on column api.sessions."lastUsedAt" is 'Last use, to the minute.';
comment on column api.sessions."expiresAt" is 'When it ends, however busy.';
comment on column api.sessions."tenantId" is 'The chosen tenant; null: none chosen yet, or an admin who sees all.';
comment on column api.sessions.address is 'Address that the sign-in came from.';
comment on column api.sessions."userAgent" is 'What the browser said it is.';

create function api.end_session(id uuid) returns boolean
    language sql volatile
    set search_path = pg_catalog, pg_temp
begin atomic
    select tenancy.revoke(end_session.id);
end;
comment on function api.end_session(uuid) is 'Ends one of one''s own sessions; false when there is none of that id.';

create function api.end_other_sessions() returns integer
    language sql volatile
    set search_path = pg_catalog, pg_temp
begin atomic
    select tenancy.end_other_sessions()::integer;
end;
comment on function api.end_other_sessions() is 'Ends all of one''s own sessions but the one that asks; tells how many.';

-- ---------------------------------------------------------------- why a row is not there
-- The tables under a view of schema api; the question itself is answered by the extension, with the rights of who asks.
create function api.why_row(resource text, key text) returns table (reason text, explanation text, hint text)
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
declare
    bases regclass[];
begin
    with recursive below (relation) as (
        select c.oid from pg_class c
        where c.relnamespace = 'api'::regnamespace and c.relname = resource and c.relkind in ('r', 'p', 'v')
        union
        select d.refobjid
        from below
        join pg_rewrite r on r.ev_class = below.relation
        join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
    )
    select array_agg(c.oid::regclass) into bases
    from below join pg_class c on c.oid = below.relation
    where c.relkind in ('r', 'p');
    if cardinality(bases) is distinct from 1 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'this resource does not stand for the rows of one table',
            hint = 'Ask about a resource such as patients.';
    end if;
    return query select w.reason, w.explanation, w.hint from tenancy.why(bases[1], variadic array[why_row.key]) w;
end
$$;
comment on function api.why_row(text, text) is
    'Why a row is seen or not, by the resource and its key: one row for each reason, the most decisive first. A tenant gets the same answer for a row of others and for none.';

-- ---------------------------------------------------------------- for admins
create function api.suspend_tenant(tenant text, reason text) returns boolean
    language sql volatile
    set search_path = pg_catalog, pg_temp
begin atomic
    select tenancy.suspend(suspend_tenant.tenant, suspend_tenant.reason);
end;
comment on function api.suspend_tenant(text, text) is
    'For admins: keeps everybody out of a tenant until it is resumed; false when it is suspended already. Stands in the audit log.';

create function api.resume_tenant(tenant text) returns boolean
    language sql volatile
    set search_path = pg_catalog, pg_temp
begin atomic
    select tenancy.resume(resume_tenant.tenant);
end;
comment on function api.resume_tenant(text) is
    'For admins: lets the users of a suspended tenant work again; false when it was not suspended. Stands in the audit log.';

create view api.audit_log with (security_invoker = true) as
select id,
       at,
       action,
       login,
       user_id   as "userId",
       acting_as as "actingAs",
       tenant_id as "tenantId",
       reason,
       detail
from tenancy.audit_log;
comment on view api.audit_log is 'For admins: what operators, admins and jobs did beyond one tenant.';
comment on column api.audit_log.id is 'Number of the entry; gaps mean nothing.';
comment on column api.audit_log.at is 'When it was written.';
comment on column api.audit_log.action is 'What was done.';
comment on column api.audit_log.login is 'Login to the database; for admins it is the gateway''s.';
comment on column api.audit_log."userId" is 'The admin who did it; null: an operator without a user.';
comment on column api.audit_log."actingAs" is 'The user whom somebody else acted as.';
comment on column api.audit_log."tenantId" is 'The tenant concerned; null: all, or none in particular.';
comment on column api.audit_log.reason is 'Why, as who did it wrote.';
comment on column api.audit_log.detail is 'What else there is to say of this action.';

-- tenancy.check() is for the owner of the database, with whose right this function calls it.
create function app.require_admin() returns void
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
as $$
begin
    if not tenancy.bypassing() then
        raise exception using
            errcode = 'insufficient_privilege',
            message = 'this is for admins who have chosen no tenant',
            hint = 'Sign in as an admin, or leave the chosen tenant.';
    end if;
end
$$;
comment on function app.require_admin() is 'Refuses who is not in a bypass context.';
revoke execute on function app.require_admin() from public;

create function api.findings()
    returns table (severity text, rule text, object text, hole text, gain text, mend text, accepted text)
    language plpgsql stable rows 10
    security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform app.require_admin();
    return query
        select c.severity, c.rule::text, c.object, r.title, c.gain, c.mend, c.accepted
        from tenancy.check() with ordinality
             as c (severity, rule, object, gain, mend, accepted, position)
        join tenancy.rule r on r.name = c.rule
        order by c.position;
end
$$;
comment on function api.findings() is
    'For admins: every way around isolation that tenancy.check() finds, the worst first: what it is, what an attacker gains, the statement that mends it, and the reason where it was accepted.';

-- What tenancy.check() says about tables that are protected and not wholly any more.
create function app.broken_protection() returns table (table_name text)
    language plpgsql stable rows 10
    security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform app.require_admin();
    return query
        select distinct c.object
        from tenancy.check(array['protection_not_intact', 'rls_disabled_on_tenant_table', 'rls_not_forced']) c
        where c.accepted is null;
end
$$;
comment on function app.broken_protection() is 'For admins: the protected tables that are not wholly protected any more.';

create view api.protected_tables with (security_invoker = true) as
select n.nspname || '.' || c.relname as "tableName",
       p.kind,
       p.tenant_column::text as "tenantColumn",
       p.owner_column::text as "ownerColumn",
       p.access,
       p.shared,
       b.table_name is null as intact,
       coalesce(cardinality(p.policies), 0) as policies
from tenancy.protected p
join pg_catalog.pg_class c on c.oid = p.table_name
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join app.broken_protection() b on b.table_name = pg_catalog.format('%I.%I', n.nspname, c.relname);
comment on view api.protected_tables is 'For admins: the tables that are protected, and whether they still are.';
comment on column api.protected_tables."tableName" is 'Schema and name of the table.';
comment on column api.protected_tables.kind is 'tenant: each row belongs to a tenant; reference: the same rows for all.';
comment on column api.protected_tables."tenantColumn" is 'Column that holds the tenant.';
comment on column api.protected_tables."ownerColumn" is 'Column that holds the user, where rows belong to a user inside the tenant.';
comment on column api.protected_tables.access is 'What tenants may do with the rows that they see: write or read.';
comment on column api.protected_tables.shared is 'Whether rows without a tenant are there for all to read.';
comment on column api.protected_tables.intact is 'Whether the protection is as it was made; findings says what is not.';
comment on column api.protected_tables.policies is 'How many policies it has.';

-- ---------------------------------------------------------------- the isolation suite
create function api.start_isolation_run() returns bigint
    language sql volatile
    set search_path = pg_catalog, pg_temp
begin atomic
    select tenancy.start_isolation_run();
end;
comment on function api.start_isolation_run() is
    'For admins: runs the isolation suite in the background and tells the number of the run; refused while one runs. Each table is locked for a moment while it is tried. Stands in the audit log.';

create view api.isolation_runs with (security_invoker = true) as
select id,
       started_at  as "startedAt",
       finished_at as "finishedAt",
       state,
       tables,
       tables_done as "tablesDone",
       passed,
       failed,
       skipped,
       error
from tenancy.isolation_runs;
comment on view api.isolation_runs is 'For admins: the last 20 runs of the isolation suite.';
comment on column api.isolation_runs.id is 'Number of the run; gaps mean nothing.';
comment on column api.isolation_runs."startedAt" is 'When it began.';
comment on column api.isolation_runs."finishedAt" is 'When it ended; null while it runs, and where nobody was left to tell.';
comment on column api.isolation_runs.state is 'running, passed, failed, or broken: it did not come to its end.';
comment on column api.isolation_runs.tables is 'How many tables there are to try.';
comment on column api.isolation_runs."tablesDone" is 'How many were tried.';
comment on column api.isolation_runs.passed is 'Lines that are well.';
comment on column api.isolation_runs.failed is 'Lines that are not.';
comment on column api.isolation_runs.skipped is 'Lines that were tried and say nothing.';
comment on column api.isolation_runs.error is 'Why it is broken, or has failed without a line.';

create view api.isolation_results with (security_invoker = true) as
select run_id     as "runId",
       number,
       table_name as "tableName",
       ok,
       skipped,
       line,
       comment
from tenancy.isolation_results;
comment on view api.isolation_results is 'For admins: what the last runs of the isolation suite have tried, line by line.';
comment on column api.isolation_results."runId" is 'The run.';
comment on column api.isolation_results.number is 'Number of the line in its run.';
comment on column api.isolation_results."tableName" is 'The table that was tried.';
comment on column api.isolation_results.ok is 'Whether it is as it should be.';
comment on column api.isolation_results.skipped is 'Whether it was tried and says nothing.';
comment on column api.isolation_results.line is 'What was tried.';
comment on column api.isolation_results.comment is 'What came out where it is not well, or why it says nothing.';

-- ---------------------------------------------------------------- rights
revoke execute on function
    api.end_session(uuid), api.end_other_sessions(), api.why_row(text, text),
    api.suspend_tenant(text, text), api.resume_tenant(text), api.findings(), app.broken_protection(),
    api.start_isolation_run()
from public;
grant select on api.sessions to tenancy_user, tenancy_admin;
grant execute on function api.end_session(uuid), api.end_other_sessions(), api.why_row(text, text) to tenancy_user, tenancy_admin;
grant select on api.tenant_overview, api.audit_log, api.protected_tables, api.isolation_runs, api.isolation_results to tenancy_admin;
grant execute on function
    api.suspend_tenant(text, text), api.resume_tenant(text), api.findings(), app.broken_protection(),
    api.start_isolation_run()
to tenancy_admin;
