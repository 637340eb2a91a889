-- Memberships that give no role, or have several grantors, as PostgreSQL 16 and later have them: rules and functions tell them
-- from those that do.

begin;
select current_setting('server_version_num')::int >= 160000 as has_options \gset
select plan(6 + case when :'has_options' then 22 else 0 end);
select tenancy.harden(true) \g /dev/null
create role app_maker createrole;
create role app_login login in role tenancy_gateway;
grant tenancy_gateway to app_maker with admin option;

-- What somebody else has granted.
grant pg_read_all_data to app_maker with admin option;
revoke tenancy_gateway from app_maker;
select * from tests.rule_story('reaches_owner_or_predefined_role', 'role app_login, which can become pg_read_all_data',
  'set role app_maker; grant pg_read_all_data to app_login; reset role');
grant pg_read_all_data to app_login;
select * from tests.rule_story('reaches_owner_or_predefined_role', 'role app_login, which can become tenancy_operator', 'revoke pg_read_all_data from app_login; grant tenancy_operator to app_login');

\if :has_options
-- Who makes a role becomes a member of it that may grant it, and is not what it is for.
grant create on database :"DBNAME" to app_maker;
set role app_maker;
create role made_login login;
reset role;
grant tenancy_gateway to made_login;
select is((select count(*) from pg_auth_members where roleid = 'made_login'::regrole and member = 'app_maker'::regrole), 1::bigint, 'who makes a role is a member of it');
select is_empty($$select from tenancy.exposed_role where name = 'app_maker'$$, 'which exposes nobody to what its statements may be');
select is_empty($$select from tenancy.check(array['dangerous_role_attribute']) where object = 'role app_maker'$$, 'so CREATEROLE is no finding there');
grant made_login to app_maker with set true, inherit false;
select isnt_empty($$select from tenancy.check(array['dangerous_role_attribute']) where object = 'role app_maker'$$, 'but it is for who can become the login');
revoke made_login from app_maker;

-- Options one by one.
select is_empty($$select tests.findings('reaches_owner_or_predefined_role')$$, 'nothing is found before');
grant pg_read_all_data to app_login with admin false, inherit false, set false;
select is_empty($$select tests.findings('reaches_owner_or_predefined_role')$$, 'a membership that gives nothing is no finding');
revoke pg_read_all_data from app_login;
select s.* from (values ('admin true, inherit false, set false'), ('admin false, inherit true, set false'), ('admin false, inherit false, set true')) as o (options),
  tests.rule_story('reaches_owner_or_predefined_role', 'role app_login, which can become pg_read_all_data', 'grant pg_read_all_data to app_login with ' || o.options) s;

-- Functions ask the same: a member of a view's owner, who may neither be nor use him, makes it no directory.
create role view_owner;
grant view_owner to app_login with admin false, inherit false, set false;
select ok(not tenancy.holds_role('app_login', 'view_owner'), 'a membership that gives nothing holds no role');
grant view_owner to app_login with inherit true;
select ok(tenancy.holds_role('app_login', 'view_owner'), 'one that gives its rights does');
grant view_owner to app_login with inherit false, set true;
select ok(tenancy.holds_role('app_login', 'view_owner'), 'and one that lets SET ROLE');

-- Who does not inherit, by the grant and not by the attribute, is granted the connection by name when the database is hardened.
create role app_quiet login inherit;
grant tenancy_gateway to app_quiet with inherit false;
select tenancy.soften() \g /dev/null
select tenancy.harden(true) \g /dev/null
select ok(has_database_privilege('app_quiet', current_database(), 'connect'), 'a login whose membership does not inherit may connect to a hardened database');
create role app_plain login noinherit;
grant tenancy_gateway to app_plain with inherit true;
select ok(has_database_privilege('app_plain', current_database(), 'connect'), 'and one whose membership inherits may anyhow');
select is((select count(*) from tenancy.membership m where m.member = 'app_quiet'::regrole and m.gives_role), 1::bigint, 'SET alone makes it a way to the role');
select is(tenancy.revoke_role_statement('tenancy_gateway'::regrole, 'app_quiet'::regrole),
  format('revoke tenancy_gateway from app_quiet granted by %I', (select pg_get_userbyid(grantor) from pg_auth_members where member = 'app_quiet'::regrole)), 'a mend names the grantor');
\endif
select * from finish();
rollback;
