-- Who may do what with the extension's objects, as the catalog has it.

select plan(19);

select is(count(*), 4::bigint, 'the extension makes four roles')
  from pg_roles where rolname in ('tenancy_user', 'tenancy_admin', 'tenancy_gateway', 'tenancy_operator');

select is_empty(
  $$select rolname from pg_roles where rolname like 'tenancy\_%'
     and (rolcanlogin or rolinherit or rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)$$,
  'no role of the extension can log in, inherits, or has an attribute that reaches past row security');

select set_eq(
  $$select r.rolname::text as role, m.rolname::text as member, a.admin_option
      from pg_auth_members a join pg_roles r on r.oid = a.roleid join pg_roles m on m.oid = a.member
     where m.rolname like 'tenancy\_%'$$,
  $$values ('tenancy_user', 'tenancy_gateway', false), ('tenancy_admin', 'tenancy_gateway', false),
           ('tenancy_user', 'tenancy_operator', false), ('tenancy_admin', 'tenancy_operator', false)$$,
  'the roles of gateway and operators can become user and admin, cannot hand that on, and nothing else is a member of anything');

select set_eq(
  $$select p.proname::text from pg_proc p
     where p.pronamespace = 'tenancy'::regnamespace
       and has_function_privilege('public', p.oid, 'execute')$$,
  $$values ('tenant_id'), ('tenant_bigint'), ('tenant_uuid'), ('user_id'), ('user_bigint'), ('user_uuid'),
           ('bypassing'), ('session_id'), ('actor'), ('role'), ('has_role'), ('whoami'), ('current_sign_in'),
           ('why'), ('why_write'), ('key_condition'), ('look_statement'), ('look_past_policies'), ('refusing_policies'), ('policy_reasons'),
           ('missing_grants'), ('why_situation'), ('runs_owner_code'), ('not_tried'), ('whose_row'), ('plain_defaults'),
           ('guard_mode'), ('own_work'), ('guard_findings'), -- the guard asks as whoever runs DDL
           ('text_search_match'), ('matches_like'), ('matches_ilike'), ('contains'), ('overlaps'), -- operators of anybody's query
           ('holds_role'), -- as pg_has_role()
           ('run_as_owner')$$, -- it asks for the owner's rights itself
  'everybody may call the readers, the search operators, whoami and why with what it consists of, and no other function');

select set_eq(
  $$select r.name || ' ' || p.proname from (values ('tenancy_user'), ('tenancy_admin'), ('tenancy_gateway'), ('tenancy_operator')) r (name), pg_proc p
     where p.pronamespace = 'tenancy'::regnamespace and not has_function_privilege('public', p.oid, 'execute')
       and has_function_privilege(r.name, p.oid, 'execute')$$,
  $$values ('tenancy_gateway login'), ('tenancy_gateway attach'), ('tenancy_gateway choose_tenant'), ('tenancy_gateway logout'),
           ('tenancy_gateway clean_sessions'), ('tenancy_operator clean_sessions'),
           ('tenancy_user my_sessions'), ('tenancy_admin my_sessions'), ('tenancy_user end_other_sessions'), ('tenancy_admin end_other_sessions'),
           ('tenancy_user change_password'), ('tenancy_admin change_password'),
           ('tenancy_operator suspend'), ('tenancy_operator resume'), ('tenancy_operator revoke_all'), ('tenancy_operator rotate_secrets'), ('tenancy_operator session_counts'), ('tenancy_operator start_isolation_run'),
           ('tenancy_operator isolation_run_state'), ('tenancy_admin isolation_run_state'), ('tenancy_operator reset_sign_in'),
           ('tenancy_operator bypass'), ('tenancy_operator act_as'), ('tenancy_operator for_each_tenant'), ('tenancy_operator job_token'),
           ('tenancy_user bypass'), ('tenancy_admin bypass'), ('tenancy_user act_as'), ('tenancy_admin act_as'),
           ('tenancy_user attach'), ('tenancy_admin attach'),
           ('tenancy_user revoke'), ('tenancy_admin revoke'), ('tenancy_operator revoke'), ('tenancy_operator hash_password'),
           ('tenancy_operator trusted_issuers'), ('tenancy_operator check'), ('tenancy_operator accept'), ('tenancy_operator withdraw')$$,
  'each role may call just what it is for');

select is_empty(
  $$select p.oid::regprocedure from pg_proc p join pg_language l on l.oid = p.prolang
     where p.pronamespace = 'tenancy'::regnamespace and (p.prosecdef or l.lanname in ('sql', 'plpgsql'))
       and not coalesce(p.proconfig, '{}') @> array['search_path=pg_catalog, pg_temp']$$,
  'every function that is not C, or runs with its owner''s rights, pins search_path with pg_temp last');

select is_empty(
  $$select p.oid::regprocedure from pg_proc p
     where p.pronamespace = 'tenancy'::regnamespace and p.prosecdef
       and p.proname not in ('use_directory', 'reset_sign_in', 'trust_issuer', 'distrust_issuer', 'trusted_issuers', 'logout', 'revoke', 'check', 'accept', 'withdraw', 'isolation_rows', 'guard_findings', 'schema_change_event',
                             'suspend', 'resume', 'my_sessions', 'end_other_sessions', 'revoke_all', 'rotate_secrets', 'clean_sessions', 'session_counts', 'start_isolation_run')$$,
  'only these functions run with their owner''s rights');

select is_empty(
  $$select pg_describe_object(d.classid, d.objid, d.objsubid)
      from pg_depend d
     where d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'
       and d.refobjid = (select oid from pg_extension where extname = 'tenancy')
       and d.classid in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_namespace'::regclass)
       and not (d.classid = 'pg_type'::regclass and exists (  -- row and array types come with what has the comment
             select from pg_type t where t.oid = d.objid and (t.typelem <> 0 or t.typtype = 'c' and exists (
               select from pg_class c where c.oid = t.typrelid and c.relkind <> 'c'))))
       and not (d.classid = 'pg_class'::regclass and (select relkind in ('i', 'c') from pg_class where oid = d.objid))
       and obj_description(d.objid, d.classid::regclass::text::name) is null$$,
  'every object of the extension has a comment');

select is_empty(
  $$select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
     where c.relnamespace = 'tenancy'::regnamespace and c.relkind = 'r' and a.attnum > 0
       and col_description(c.oid, a.attnum) is null$$,
  'every column of the extension''s tables has a comment');

select set_eq(
  $$select p.proname::text from pg_proc p join pg_language l on l.oid = p.prolang
     where p.pronamespace = 'tenancy'::regnamespace and l.lanname = 'c'
       and p.proleakproof and p.provolatile = 's' and p.proparallel = 's' and p.pronargs = 0$$,
  $$values ('tenant_id'), ('tenant_bigint'), ('tenant_uuid'), ('user_id'), ('user_bigint'), ('user_uuid'), ('bypassing'), ('session_id'), ('actor'), ('role')$$,
  'the readers, and only they, are C, leakproof, stable and parallel safe');

select is_empty(
  $$select r.name as role, c.relname, p.name
      from (values ('public'), ('tenancy_user'), ('tenancy_admin'), ('tenancy_gateway'), ('tenancy_operator'), ('shop_gateway'), ('shop_owner')) r (name),
           pg_class c,
           (values ('select'), ('insert'), ('update'), ('delete'), ('truncate'), ('references'), ('trigger')) p (name)
     where c.relnamespace = 'tenancy'::regnamespace and c.relkind in ('r', 'v', 'm', 'p')
       -- Views of the catalog for everybody to read, and of one's own sessions: 76_inspect.sql.
       and not (p.name = 'select' and (c.relname in ('protected', 'policies')
                                       or c.relname = 'sessions' and r.name in ('tenancy_user', 'tenancy_admin', 'tenancy_operator')
                                       or c.relname in ('suspensions', 'isolation_runs', 'isolation_results') and r.name in ('shop_owner', 'tenancy_operator')
                                       or c.relname = 'audit_log' and r.name = 'tenancy_operator'
                                       -- Facts of the catalog and of the set-up that the functions of the database's owner ask as its owner.
                                       or c.relname in ('protection', 'directory', 'isolation_value') and r.name = 'shop_owner'
                                       or c.relname = 'rule' and r.name in ('shop_owner', 'tenancy_operator')))
       and (has_table_privilege(r.name, c.oid, p.name)
            or p.name in ('select', 'insert', 'update', 'references') and has_any_column_privilege(r.name, c.oid, p.name))$$,
  'no role has any other right to a table of the extension, and nobody one to sessions, hashes or acceptances');

select is_empty(
  $$select r.name from (values ('public'), ('tenancy_user'), ('tenancy_admin'), ('tenancy_gateway'), ('tenancy_operator'), ('shop_owner')) r (name)
     where has_schema_privilege(r.name, 'tenancy', 'create')$$,
  'nobody can put objects of his own into the schema tenancy');

select is_empty(
  $$select r.name, c.oid::regclass from (values ('tenancy_gateway'), ('shop_gateway'), ('tenancy_operator'), ('shop_operator')) r (name), pg_class c
     where c.relnamespace = 'shop'::regnamespace and c.relkind in ('r', 'v') and has_any_column_privilege(r.name, c.oid, 'select, insert, update, references')$$,
  'a gateway''s login has no right to any table or view of the application before it attaches');

select is_empty(
  $$select t.typname from pg_type t where t.typnamespace = 'tenancy'::regnamespace and t.typname = 'sign_in'
       and has_type_privilege('public', t.oid, 'usage')$$,
  'the type of a sign-in cannot be used in tables of others');

-- CREATE EXTENSION where somebody was there before.
set client_min_messages = warning;
select is(concat(current_setting('shared_preload_libraries'), current_setting('session_preload_libraries')) ~ 'tenancy', true, 'the library is loaded before the first statement of anybody');

create role tests_squatter login;
create function pg_temp.install_over(set_up text) returns text language plpgsql as
$$
declare
  outcome text;
begin
  -- Undone by the exception at the end, which carries the outcome.
  drop extension tenancy cascade;
  drop schema tenancy; -- CREATE EXTENSION made it, DROP EXTENSION leaves it
  execute set_up;
  create extension tenancy;
  raise exception using errcode = 'P0099', message = 'installed';
exception when others then
  get stacked diagnostics outcome = returned_sqlstate;
  return outcome;
end
$$;
select is(pg_temp.install_over('create schema tenancy'), 'P0099', 'CREATE EXTENSION takes a schema that a superuser made');
select is(pg_temp.install_over('create schema tenancy authorization tests_squatter'), '55000',
  'CREATE EXTENSION refuses a schema whose owner could put other tables in the place of its own');
select is(pg_temp.install_over('alter role tenancy_admin bypassrls'), '55000',
  'CREATE EXTENSION refuses a role of its name that reaches past row security');
select has_extension('tenancy', 'and each time all is as it was');
drop role tests_squatter;

select * from finish();
