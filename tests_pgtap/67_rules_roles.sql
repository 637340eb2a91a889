-- The rules about roles and their rights: each shows its hole, is silent on what only looks like it, and mends it.

begin;
select current_setting('server_version_num')::int >= 170000 as has_maintain \gset
select plan(188 + case when :'has_maintain' then 5 else 0 end);

-- What hardening takes away is away here, so that each story begins with silence.
select tenancy.harden(true) \g /dev/null
create role app_team;
create role app_owner;
create role app_login login in role tenancy_gateway;

-- ---------------------------------------------------------------- the holes are real
-- Each as the gateway's login, without a context; undone at once.
create function app_spy() returns trigger language plpgsql as $$ begin raise exception 'a row of tenant %', new.tenant_id; end $$;
create function tests.as_gateway(opening text, attack text) returns text language plpgsql as $$
begin
  execute opening;
  set local session authorization app_login;
  begin
    execute attack;
    raise sqlstate 'YES00' using message = 'it worked';
  exception when others then
    raise sqlstate 'UNDO0' using message = sqlerrm;
  end;
exception when sqlstate 'UNDO0' then
  return sqlerrm;
end
$$;
select matches(tests.as_gateway('select 1', a.attack), 'permission denied|must be owner|must be superuser', 'as it should be: ' || a.attack || ' is refused')
  from (values ('set local role tenancy_user; truncate shop.reading'), ('set local role tenancy_user; create trigger spy before insert on shop.patient for each row execute function public.app_spy()'),
               ('set local role shop_owner; drop policy tenancy_tenant on shop.patient'), ('select pg_read_file(''PG_VERSION'')'), ('set local session_replication_role = replica'),
               ('create table public.mine (id int)'), ('do $do$ begin end $do$'), ('create temporary table patient (name text)'), ('set local role shop_root')) as a (attack);
select is(tests.as_gateway(a.opening, a.attack), 'it worked', a.opening || ': then ' || a.attack || ' works')
  from (values ('grant truncate on shop.reading to tenancy_user', 'set local role tenancy_user; truncate shop.reading'),
               ('grant trigger on shop.patient to tenancy_user', 'set local role tenancy_user; create trigger spy before insert on shop.patient for each row execute function public.app_spy()'),
               ('grant shop_owner to app_team; grant app_team to app_login', 'set local role shop_owner; drop policy tenancy_tenant on shop.patient'),
               ('grant execute on function pg_read_file(text) to app_login', 'select pg_read_file(''PG_VERSION'')'),
               ('grant set on parameter session_replication_role to app_login', 'set local session_replication_role = replica'),
               ('grant create on schema public to public', 'create table public.mine (id int)'),
               ('grant usage on language plpgsql to public', 'do $do$ begin end $do$'),
               ('do $do$ begin execute format(''grant temporary on database %I to public'', current_database()); end $do$', 'create temporary table patient (name text)'),
               ('grant shop_root to tenancy_gateway', 'set local role shop_root')) as a (opening, attack);

-- ---------------------------------------------------------------- rights to protected tables
select * from tests.rule_story('truncate_granted', 'shop.patient for tenancy_user', 'grant truncate on shop.patient to tenancy_user');
select * from tests.rule_story('truncate_granted', 'shop.patient for public', 'grant truncate on shop.patient to public');
select * from tests.rule_story('truncate_granted', 'shop.patient for app_team', 'grant truncate on shop.patient to app_team; grant app_team to app_login');
revoke app_team from app_login;
-- What somebody else has granted is his to take: a plain REVOKE by a superuser leaves it.
select * from tests.rule_story('truncate_granted', 'shop.reading for tenancy_user',
  'grant usage on schema shop to app_owner; grant truncate on shop.reading to app_owner with grant option; set role app_owner; grant truncate on shop.reading to tenancy_user; reset role');
grant truncate on shop.patient to shop_reporting;
grant truncate on shop.account to tenancy_user;
select is_empty($$select tests.findings('truncate_granted')$$, 'truncate_granted: says nothing of roles that no attacker is, and of tables that are not protected');

\if :has_maintain
select is(tests.as_gateway('grant maintain on shop.patient to tenancy_user', 'set local role tenancy_user; reindex table shop.patient'), 'it worked', 'a right to MAINTAIN holds up all tenants');
select * from tests.rule_story('maintain_granted', 'shop.patient for tenancy_user', 'grant maintain on shop.patient to tenancy_user');
grant maintain on shop.patient to shop_reporting;
select is_empty($$select tests.findings('maintain_granted')$$, 'maintain_granted: a role that no attacker is may have it');
\endif

select * from tests.rule_story('trigger_or_references_granted', 'shop.patient for tenancy_user', 'grant trigger, references on shop.patient to tenancy_user');
select * from tests.rule_story('trigger_or_references_granted', 'shop.patient for tenancy_admin', 'grant references (id, name) on shop.patient to tenancy_admin');
select is_empty($$select tests.findings('trigger_or_references_granted')$$, 'trigger_or_references_granted: SELECT, INSERT, UPDATE and DELETE are no finding');

select * from tests.rule_story('public_grant_on_protected', 'shop.patient', 'grant select, update on shop.patient to public; grant select (amount) on shop.reading to public');
select is(array(select object from tests.findings('public_grant_on_protected')), array['shop.reading'], 'public_grant_on_protected: a column is found, too');
revoke select (amount) on shop.reading from public;
grant select on shop.account to public;
select is_empty($$select tests.findings('public_grant_on_protected')$$, 'public_grant_on_protected: a table that is not protected is no finding');
revoke select on shop.account from public;

-- ---------------------------------------------------------------- what a role is and can become
select * from tests.rule_story('dangerous_role_attribute', 'role app_login', 'alter role app_login bypassrls createrole');
select * from tests.rule_story('dangerous_role_attribute', 'role tenancy_user', 'alter role tenancy_user superuser');
select * from tests.rule_story('dangerous_role_attribute', 'role app_login, which can become app_owner', 'alter role app_owner replication; grant app_owner to app_team; grant app_team to app_login');
select * from tests.rule_story('dangerous_role_attribute', 'role tenancy_gateway, which can become shop_root', 'grant shop_root to tenancy_gateway');
alter role shop_reporting bypassrls;
select is_empty($$select tests.findings('dangerous_role_attribute')$$, 'dangerous_role_attribute: a role that no attacker becomes may have it');
alter role shop_reporting nobypassrls;
alter role app_owner noreplication;

select s.*
  from (values ('shop_owner'), ('pg_read_all_data'), ('pg_write_all_data'), ('pg_execute_server_program'), ('pg_read_server_files'),
               ('pg_write_server_files'), ('pg_signal_backend'), ('pg_monitor'), ('tenancy_operator')) as r (role),
       tests.rule_story('reaches_owner_or_predefined_role', 'role app_login, which can become ' || r.role, format('grant %s to app_login', r.role)) as s;
select * from tests.rule_story('reaches_owner_or_predefined_role', 'role app_login, which can become pg_read_all_stats', 'grant pg_read_all_stats to app_team; grant app_team to app_login');
select * from tests.rule_story('reaches_owner_or_predefined_role', 'role shop_owner', 'grant tenancy_gateway to shop_owner');
create table shop.extra (id bigint primary key, tenant_id bigint);
select tenancy.protect('shop.extra') \g /dev/null
select * from tests.rule_story('reaches_owner_or_predefined_role', 'role tenancy_user', 'alter table shop.extra owner to tenancy_user');
grant pg_monitor to app_login;
select is(array(select object from tests.findings('reaches_owner_or_predefined_role')), array['role app_login, which can become pg_monitor'], 'reaches_owner_or_predefined_role: the parts of pg_monitor are one finding');
revoke pg_monitor from app_login;
revoke pg_read_all_stats from app_team;
grant app_team to app_login;
grant shop_owner, pg_read_all_data to shop_reporting;
select is_empty($$select tests.findings('reaches_owner_or_predefined_role')$$, 'reaches_owner_or_predefined_role: a harmless role, and the powers of others, are no finding');

select * from tests.rule_story('powerful_login_role_can_become_app', 'role shop_root', 'grant tenancy_gateway to shop_root');
select * from tests.rule_story('powerful_login_role_can_become_app', 'role shop_root', 'grant tenancy_user to app_owner; grant app_owner to shop_root');
revoke tenancy_user from app_owner;
select is_empty($$select tests.findings('powerful_login_role_can_become_app')$$, 'powerful_login_role_can_become_app: a superuser is a member of every role, which is no finding');

-- ---------------------------------------------------------------- ownership and rights in the database
select * from tests.rule_story('app_role_owns_objects', 'table public.notes', 'create table public.notes (id int); alter table public.notes owner to app_login');
select * from tests.rule_story('app_role_owns_objects', 'function public.helper()', $$create function public.helper() returns int language sql as 'select 1'; alter function public.helper() owner to tenancy_user$$);
select is_empty($$select tests.findings('app_role_owns_objects')$$, 'app_role_owns_objects: what others own is no finding');

select * from tests.rule_story('create_privilege', 'schema public', 'grant create on schema public to public');
select * from tests.rule_story('create_privilege', 'schema shop', 'grant create on schema shop to public');
select * from tests.rule_story('create_privilege', 'schema shop for tenancy_user', 'grant create on schema shop to tenancy_user');
select * from tests.rule_story('create_privilege', 'database ' || current_database(), format('grant create on database %I to public', current_database()));
select * from tests.rule_story('create_privilege', format('database %s for app_login', current_database()), format('grant create on database %I to app_login', current_database()));
grant create on schema shop to shop_reporting;
select is_empty($$select tests.findings('create_privilege')$$, 'create_privilege: owners, and roles that no attacker is, may create');

select * from tests.rule_story('temp_privilege', 'database ' || current_database(), format('grant temporary on database %I to public', current_database()));
select * from tests.rule_story('temp_privilege', format('database %s for tenancy_user', current_database()), format('grant temporary on database %I to tenancy_user', current_database()));
select is_empty($$select tests.findings('temp_privilege')$$, 'temp_privilege: the owner of the database is no finding');

select * from tests.rule_story('language_usage', 'language plpgsql', 'grant usage on language plpgsql to public');
select * from tests.rule_story('language_usage', 'language sql for app_login', 'grant usage on language sql to app_login');
select is_empty($$select tests.findings('language_usage')$$, 'language_usage: the owner of the database keeps the languages');

select * from tests.rule_story('public_system_function', 'functions: signals', 'grant execute on function pg_terminate_backend(int, bigint) to public');
select * from tests.rule_story('public_system_function', 'functions: large objects', 'grant execute on function lo_create(oid) to public');
select * from tests.rule_story('public_system_function', 'function pg_read_file(text) for tenancy_user', 'grant execute on function pg_read_file(text) to tenancy_user');
select * from tests.rule_story('public_system_function', 'function lo_import(text) for public', 'grant execute on function lo_import(text) to public');
grant execute on function pg_read_file(text) to shop_reporting;
grant execute on function pg_notify(text, text) to tenancy_user;
select is_empty($$select tests.findings('public_system_function')$$, 'public_system_function: what is given back by name, and what others may call, is no finding');

select * from tests.rule_story('activity_views_readable', 'views: activity', 'grant select on pg_stat_activity to public');
select * from tests.rule_story('activity_views_readable', 'views: activity', 'grant execute on function pg_stat_get_activity(int) to public');
select * from tests.rule_story('activity_views_readable', 'views: access statistics', 'grant select on pg_stat_user_tables to public');

select * from tests.rule_story('connect_to_other_databases', 'database ' || current_database(), format('grant connect on database %I to public', current_database()));
select * from tests.rule_story('connect_to_other_databases', 'database postgres', 'grant connect on database postgres to public');
select format('revoke tenancy_gateway from %I', e.name) from tenancy.exposed_role e where e.can_login \gexec
grant connect on database postgres to public;
select is_empty($$select tests.findings('connect_to_other_databases', 'database postgres')$$, 'connect_to_other_databases: without an exposed login nobody is to be kept from there');
grant tenancy_gateway to app_login, shop_gateway;

-- ---------------------------------------------------------------- what will be granted
select * from tests.rule_story('default_privileges', 'default privileges of shop_owner in schema shop for tenancy_user on tables',
  'alter default privileges for role shop_owner in schema shop grant select, insert on tables to tenancy_user');
select * from tests.rule_story('default_privileges', 'default privileges of shop_owner for public on tables', 'alter default privileges for role shop_owner grant select on tables to public');
select * from tests.rule_story('default_privileges', 'default privileges of shop_owner for tenancy_admin on schemas', 'alter default privileges for role shop_owner grant all on schemas to tenancy_admin');
alter default privileges for role shop_owner grant execute on functions to tenancy_user;
alter default privileges for role shop_owner grant usage on sequences to tenancy_user;
alter default privileges for role shop_owner grant select on tables to shop_reporting;
select is_empty($$select tests.findings('default_privileges')$$, 'default_privileges: functions, USAGE of sequences and other people''s tables are no finding');

-- ---------------------------------------------------------------- the extension's own objects
select * from tests.rule_story('extension_right_granted', 'table tenancy.session for public', 'grant select, update on tenancy.session to public');
select * from tests.rule_story('extension_right_granted', 'table tenancy.session for tenancy_user', 'grant insert (user_id), update (user_id) on tenancy.session to tenancy_user');
select * from tests.rule_story('extension_right_granted', 'routine tenancy.accept(name,text,text) for tenancy_user', 'grant execute on function tenancy.accept(name, text, text) to tenancy_user');
grant select on tenancy.sessions to tenancy_user;
grant execute on function tenancy.check(name[]) to shop_reporting;
select is_empty($$select tests.findings('extension_right_granted')$$, 'extension_right_granted: what the extension gave, and other people''s rights, are no finding');
grant update on tenancy.session to public;
select is((select count(*) from tests.findings('extension_right_granted')), 1::bigint, 'extension_right_granted: one finding for each object and role');

select * from finish();
rollback;
