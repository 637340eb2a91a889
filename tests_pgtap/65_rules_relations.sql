-- tenancy.check() on views, copies, foreign data, rules, publications and what else shows rows beside the tables.
-- Where it says "really", the attack is run in ann's context, before and after the mend.

select tests.attach_as('ann') as attach_ann \gset

begin;
set local client_min_messages = warning;
select plan(124);

create function shop.outcome(statement text) returns text language plpgsql as
$$
begin
  execute statement;
  return '00000';
exception when others then
  return sqlstate;
end
$$;

-- The fixture lets PUBLIC execute dblink; everything else here starts clean.
select is_empty($$
  select c.rule, c.object from tenancy.check(array['view_without_security_invoker', 'writable_view_without_check_option_or_barrier', 'matview_readable',
      'foreign_table_readable', 'user_mapping_or_server_usable', 'rule_touches_protected_table', 'protected_table_published',
      'unclassified_table_readable', 'secret_column_readable', 'pg_stats_ext_unfixed', 'large_objects_exist']::name[]) c$$,
  'a protected schema with its directory views is clean');

-- ---------------------------------------------------------------- view_without_security_invoker
select * from tests.rule_story('view_without_security_invoker', 'shop.all_patients',
  'create view shop.all_patients as select * from shop.patient; grant select on shop.all_patients to tenancy_user');
-- By a superuser, as somebody who installs things is: really.
alter view shop.all_patients reset (security_invoker);
select ok(gain ~ 'sees the rows of all tenants of shop.patient', 'it says that a superuser''s view shows all tenants')
  from tests.findings('view_without_security_invoker', 'shop.all_patients');
savepoint before;
:attach_ann \gset ignored_
select count(*) as n from shop.all_patients \gset
rollback to before;
select is(:n, 1500, 'ann really reads all tenants'' patients through a superuser''s view');
select mend from tests.findings('view_without_security_invoker', 'shop.all_patients') \gset
:mend;
savepoint before;
:attach_ann \gset ignored_
select count(*) as n from shop.all_patients \gset
rollback to before;
select is(:n, 5, 'and only her own after the mend');
-- By the tables' owner, whom FORCE holds: no leak today, but nothing of the wall either.
alter view shop.all_patients reset (security_invoker);
alter view shop.all_patients owner to shop_owner;
select ok(gain ~ 'with the rights of shop_owner' and gain !~ 'all tenants of', 'of an owner who is held it says less')
  from tests.findings('view_without_security_invoker', 'shop.all_patients');
savepoint before;
:attach_ann \gset ignored_
select count(*) as n from shop.all_patients \gset
rollback to before;
select is(:n, 5, 'as ann really reads no more than her own there');
savepoint before;
grant update on shop.tenant to shop_owner;
create view shop.tenants as select * from shop.tenant;
alter view shop.tenants owner to shop_owner;
grant select, update on shop.tenants to tenancy_user;
:attach_ann \gset ignored_
update shop.tenants set may_see_all = true;
select count(*) as n from shop.tenants where may_see_all \gset
rollback to before;
select is(:n, 1, 'but she really writes a table that tenants may only read');
alter table shop.patient no force row level security;
select ok(gain ~ 'sees the rows of all tenants', 'without FORCE the owner''s view shows all tenants')
  from tests.findings('view_without_security_invoker', 'shop.all_patients');
alter table shop.patient force row level security;
create policy for_reports on shop.patient for select to shop_reporting using (true);
alter view shop.all_patients owner to shop_reporting;
select ok(gain ~ 'sees the rows of all tenants', 'so does the view of a role that a policy lets see more')
  from tests.findings('view_without_security_invoker', 'shop.all_patients');
drop policy for_reports on shop.patient;
drop view shop.all_patients;

-- Through other views.
select * from tests.rule_story('view_without_security_invoker', 'shop.memberships',
  'create view shop.people as select * from shop.memberships; grant select on shop.people to tenancy_user');
select is_empty($$select * from tests.findings('view_without_security_invoker')$$, 'a view over a view with security_invoker asks the caller');
savepoint before;
:attach_ann \gset ignored_
select shop.outcome('select from shop.people') as outcome \gset
rollback to before;
select is(:'outcome'::text, '42501', 'who really lacks the rights below');
alter view shop.memberships reset (security_invoker);
drop view shop.people;
select * from tests.rule_story('view_without_security_invoker', 'shop.low', $$
  create view shop.low as select * from shop.patient;
  create view shop.high with (security_invoker = true) as select * from shop.low;
  grant select on shop.low, shop.high to public$$);
revoke select on shop.low from public;
alter view shop.low reset (security_invoker);
select is_empty($$select * from tests.findings('view_without_security_invoker')$$, 'below security_invoker the caller needs a right of his own');
drop view shop.high;
alter view shop.low set (security_invoker = 1);
grant select on shop.low to public;
select is_empty($$select * from tests.findings('view_without_security_invoker')$$, 'security_invoker = 1 counts as true');
alter view shop.low set (security_invoker = off);
select isnt_empty($$select * from tests.findings('view_without_security_invoker')$$, 'security_invoker = off does not');
revoke select on shop.low from public;
grant select (name) on shop.low to tenancy_admin;
select isnt_empty($$select * from tests.findings('view_without_security_invoker')$$, 'a right on one column is enough');
revoke usage on schema shop from tenancy_user, tenancy_admin;
select is_empty($$select * from tests.findings('view_without_security_invoker')$$, 'a schema that attackers cannot use hides its views');
grant usage on schema shop to tenancy_user, tenancy_admin;
drop view shop.low;
create view shop.names as select name from shop.patient;
grant select on shop.names to shop_reporting;
select is_empty($$select * from tests.findings('view_without_security_invoker')$$, 'a view for a role that no attacker can be is left alone');
grant shop_reporting to shop_gateway;
select isnt_empty($$select * from tests.findings('view_without_security_invoker')$$, 'until the gateway can become that role');
revoke shop_reporting from shop_gateway;
drop view shop.names;

-- ---------------------------------------------------------------- writable_view_without_check_option_or_barrier
create table shop.note (id bigint, tenant_id bigint, body text);
insert into shop.note values (1, 1, 'mine'), (2, 2, 'theirs');
select * from tests.rule_story('writable_view_without_check_option_or_barrier', 'shop.my_notes', $$
  create view shop.my_notes as select * from shop.note where tenant_id = tenancy.tenant_bigint();
  grant select, insert, update on shop.my_notes to tenancy_user$$);
select is((select v.reloptions from pg_class v where v.oid = 'shop.my_notes'::regclass), array['security_barrier=true', 'check_option=cascaded'], 'its mend sets both');
alter view shop.my_notes reset (check_option);
savepoint before;
:attach_ann \gset ignored_
with moved as (update shop.my_notes set tenant_id = 2 returning body) select count(*) as n from moved \gset
rollback to before;
select is(:n, 1, 'without a check option ann really moves a row to another tenant');
select is(mend, 'alter view shop.my_notes set (check_option = cascaded)', 'the mend names what is missing') from tests.findings('writable_view_without_check_option_or_barrier');
revoke insert, update on shop.my_notes from tenancy_user;
select is_empty($$select * from tests.findings('writable_view_without_check_option_or_barrier')$$, 'a view that nobody writes needs no check option');
drop view shop.my_notes;
create view shop.my_patients with (security_invoker = true) as select * from shop.patient where note is not null;
grant select, insert, update, delete on shop.my_patients to tenancy_user;
select is_empty($$select * from tests.findings('writable_view_without_check_option_or_barrier')$$, 'a view with security_invoker leaves the fence to the policies');
drop view shop.my_patients;
drop table shop.note;

-- ---------------------------------------------------------------- matview_readable
create materialized view shop.patient_copy as select * from shop.patient;
savepoint before;
grant select on shop.patient_copy to tenancy_user;
:attach_ann \gset ignored_
select count(*) as n from shop.patient_copy \gset
rollback to before;
select is(:n, 1500, 'ann really reads all tenants'' patients in a materialized view');
select * from tests.rule_story('matview_readable', 'shop.patient_copy', 'grant select on shop.patient_copy to tenancy_user, public');
savepoint before;
:attach_ann \gset ignored_
select shop.outcome('select from shop.patient_copy') as outcome \gset
rollback to before;
select is(:'outcome'::text, '42501', 'and nothing of it after the mend');
select * from tests.rule_story('matview_readable', 'shop.patient_copy',
  'create view shop.copy_of_copy as select * from shop.patient_copy; grant select on shop.copy_of_copy to tenancy_user');
create view shop.fenced_copy with (security_barrier = true) as select * from shop.patient_copy where tenant_id = tenancy.tenant_bigint();
grant select on shop.fenced_copy to tenancy_user;
select is_empty($$select * from tests.findings('matview_readable')$$, 'a view with a barrier that filters by the context may show it');
drop view shop.fenced_copy;
create view shop.between as select * from shop.patient;
create materialized view shop.far_copy as select * from shop.between;
select * from tests.rule_story('matview_readable', 'shop.far_copy', 'grant select on shop.far_copy to tenancy_user');
create materialized view shop.numbers as select generate_series(1, 3) as n;
grant select on shop.numbers to tenancy_user;
select is_empty($$select * from tests.findings('matview_readable')$$, 'a materialized view of nothing protected is left alone');
drop materialized view shop.numbers, shop.far_copy;
drop materialized view shop.patient_copy cascade;
drop view shop.between;

-- ---------------------------------------------------------------- foreign_table_readable, user_mapping_or_server_usable
create foreign data wrapper far_wrapper;
create server "Far away" foreign data wrapper far_wrapper;
create foreign table shop.far_patient (id bigint, name text) server "Far away";
select * from tests.rule_story('foreign_table_readable', 'shop.far_patient', 'grant select on shop.far_patient to tenancy_user');
select * from tests.rule_story('foreign_table_readable', 'shop.far_patient', 'grant insert (name) on shop.far_patient to tenancy_gateway');
grant select on shop.far_patient to shop_reporting;
select is_empty($$select * from tests.findings('foreign_table_readable')$$, 'one that only a reporting role reads is left alone');
select * from tests.rule_story('user_mapping_or_server_usable', 'server "Far away"', 'grant usage on foreign server "Far away" to tenancy_user, public');
select * from tests.rule_story('user_mapping_or_server_usable', 'foreign-data wrapper far_wrapper', 'grant usage on foreign data wrapper far_wrapper to shop_gateway');
select * from tests.rule_story('user_mapping_or_server_usable', 'user mapping for public on server "Far away"', 'create user mapping for public server "Far away"');
select * from tests.rule_story('user_mapping_or_server_usable', 'user mapping for tenancy_user on server "Far away"', 'create user mapping for tenancy_user server "Far away"');
create user mapping for shop_owner server "Far away";
grant usage on foreign server "Far away" to shop_owner;
select is_empty($$select * from tests.findings('user_mapping_or_server_usable')$$, 'a server for the owner''s jobs is left alone');
drop server "Far away" cascade;

-- ---------------------------------------------------------------- rule_touches_protected_table
create table shop.log (body text);
select * from tests.rule_story('rule_touches_protected_table', 'rule "Note it" on shop.patient',
  'create rule "Note it" as on insert to shop.patient do also insert into shop.log values (new.name)');
select * from tests.rule_story('rule_touches_protected_table', 'rule spread on shop.log',
  'create rule spread as on insert to shop.log do also update shop.patient set note = new.body');
create rule frozen as on delete to shop.patient do instead nothing;
create rule elsewhere as on delete to shop.log do also insert into shop.log values ('deleted');
select is_empty($$select * from tests.findings('rule_touches_protected_table')$$, 'rules that do nothing, or touch nothing protected, are left alone');
drop rule frozen on shop.patient;
drop table shop.log;

-- ---------------------------------------------------------------- protected_table_published
set local client_min_messages = error; -- wal_level is not logical here, which does not matter
create publication harmless for table shop.membership;
select is_empty($$select * from tests.findings('protected_table_published')$$, 'a publication of other tables is left alone');
select * from tests.rule_story('protected_table_published', 'table shop.patient in publication harmless', 'alter publication harmless add table shop.patient');
create publication whole;
select * from tests.rule_story('protected_table_published', 'schema shop in publication whole', 'alter publication whole add tables in schema shop');
select * from tests.rule_story('protected_table_published', 'publication everything', 'create publication everything for all tables');
set local client_min_messages = warning;

-- ---------------------------------------------------------------- unclassified_table_readable
create table shop.country (code text);
select * from tests.rule_story('unclassified_table_readable', 'shop.country', 'grant select on shop.country to tenancy_user');
create table shop.setting (key text, value text);
grant insert, update (value) on shop.setting to public;
select is((select f.gain from tests.findings('unclassified_table_readable', 'shop.setting') f),
          'all tenants share its rows: public may insert, update', 'it says who may do what');
revoke all on shop.setting from public;
create table shop."x
; drop table shop.setting; --" (id int);
grant select on shop."x
; drop table shop.setting; --" to public;
select mend from tests.findings('unclassified_table_readable') \gset
:mend;
select has_table('shop', 'setting', 'a line break in a name does not become a statement of the mend');
drop table shop."x
; drop table shop.setting; --";
grant insert, update (value) on shop.setting to public;
revoke all on shop.setting from public;
revoke update (value) on shop.setting from public;
create view shop.settings as select * from shop.setting;
grant select on shop.settings to tenancy_user;
select ok(gain ~ 'through shop.settings', 'a view shows it as well') from tests.findings('unclassified_table_readable', 'shop.setting');
drop view shop.settings;
grant select on shop.setting to shop_reporting;
select is_empty($$select * from tests.findings('unclassified_table_readable')$$, 'a table that attackers do not reach is left alone');
create table shop.forgotten (tenant_id bigint);
grant select on shop.forgotten to tenancy_user;
select is_empty($$select * from tests.findings('unclassified_table_readable')$$, 'one with the tenant column is for another rule');
drop table shop.forgotten, shop.setting, shop.country;

-- ---------------------------------------------------------------- secret_column_readable
select * from tests.rule_story('secret_column_readable', 'column password_hash of shop.account', 'grant select on shop.account to tenancy_user');
select ok(has_column_privilege('tenancy_user', 'shop.account', 'user_name', 'select')
          and not has_column_privilege('tenancy_user', 'shop.account', 'password_hash', 'select'), 'its mend leaves the other columns');
revoke all on shop.account from tenancy_user;
select * from tests.rule_story('secret_column_readable', 'column password_hash of shop.account', 'grant select (id, password_hash) on shop.account to public');
select ok(has_column_privilege('tenancy_user', 'shop.account', 'id', 'select')
          and not has_column_privilege('tenancy_user', 'shop.account', 'user_name', 'select'), 'its mend grants nothing new');
revoke all on shop.account from public;
-- A view that gives it another name, and a view over that one.
select * from tests.rule_story('secret_column_readable', 'column second of shop.far', $$
  create view shop.near as select user_name as first, password_hash as "an other" from shop.account;
  create view shop.far as select first, "an other" as second from shop.near;
  grant select on shop.far to tenancy_user$$);
drop view shop.near cascade;
create view shop.near as select user_name from shop.account where password_hash is not null;
grant select on shop.near to tenancy_user;
select is_empty($$select * from tests.findings('secret_column_readable')$$, 'a view that does not show it is left alone');
drop view shop.near;
create table shop.device (id bigint, "apiKey" text, "refreshToken" bytea, token_count integer, password_changed_at timestamptz,
                          has_password boolean, content_hash text, secretary text, keyboard text, token_type text, public_key text);
grant select on shop.device to tenancy_user;
select results_eq($$select f.object from tests.findings('secret_column_readable') f order by 1$$,
  array['column "apiKey" of shop.device', 'column "refreshToken" of shop.device'], 'names are read as words, and by type');
select mend from tests.findings('secret_column_readable', 'column "apiKey" of shop.device') \gset
:mend;
select is_empty($$select * from tests.findings('secret_column_readable')$$, 'one mend does for all secrets of the table');
drop table shop.device;

-- ---------------------------------------------------------------- pg_stats_ext_unfixed
-- The view as it was before the fix.
select replace(pg_get_viewdef('pg_stats_ext'::regclass), 'pg_has_role(c.relowner, ''USAGE''::text)', 'true') as unfixed \gset
set local allow_system_table_mods = on;
select * from tests.rule_story('pg_stats_ext_unfixed', 'pg_stats_ext', format('create or replace view pg_catalog.pg_stats_ext as %s', :'unfixed'));
set local allow_system_table_mods = off;

-- ---------------------------------------------------------------- large_objects_exist
select is(lo_create(777001), 777001::oid, 'a large object of a superuser, granted to nobody');
select * from tests.rule_story('large_objects_exist', 'large objects', 'grant select on large object 777001 to public');
select * from tests.rule_story('large_objects_exist', 'large objects', 'alter large object 777001 owner to tenancy_user');
set local lo_compat_privileges = on;
select isnt_empty($$select * from tests.findings('large_objects_exist', 'setting lo_compat_privileges')$$, 'a setting that opens all of them is found');
set local lo_compat_privileges = off;

-- ---------------------------------------------------------------- dangerous_extension
select is((select count(*) from tests.findings('dangerous_extension', 'extension dblink')), 1::bigint, 'dblink, which PUBLIC may execute, is found');
select mend from tests.findings('dangerous_extension', 'extension dblink') \gset
:mend;
select is_empty($$select * from tests.findings('dangerous_extension', 'extension dblink')$$, 'its mend makes it silent');
select * from tests.rule_story('dangerous_extension', 'extension dblink', 'grant execute on function public.dblink_connect(text) to tenancy_gateway');
grant execute on function public.dblink_connect(text) to shop_reporting;
select is_empty($$select * from tests.findings('dangerous_extension')$$, 'one that only a reporting role may call is left alone, and so is pgcrypto');

select * from finish();
rollback;
