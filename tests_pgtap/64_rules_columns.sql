-- Rules about columns that decide who somebody is, and about code that hangs on a protected table.

\set QUIET 1
set client_min_messages = warning;
select plan(73);

-- ---------------------------------------------------------------- a tenant makes itself an administrator
select tests.open('app', 'shop_gateway') as done \gset
select is(tests.sqlstate_as('app', 'ann', 'update shop.tenant set may_see_all = true'), '42501', 'ann reads her tenant''s row and does not change it');
grant update on shop.tenant to tenancy_user;
select is(tests.tell_as('app', 'ann', 'update shop.tenant set may_see_all = true'), 'UPDATE 1', 'with the right to, she makes her tenant see all');
select f.mend from tests.findings('tenant_registry_writable', 'shop.tenant') f \gexec
select is(tests.sqlstate_as('app', 'ann', 'update shop.tenant set may_see_all = true'), '42501', 'the mend takes it from her');
update shop.tenant set may_see_all = false;
select tests.close('app') as done \gset

begin;
create schema cols;
grant usage on schema cols to tenancy_user, tenancy_admin;
select * from tests.rule_story('tenant_registry_writable', 'shop.tenant', 'grant insert on shop.tenant to tenancy_user');
select * from tests.rule_story('tenant_registry_writable', 'shop.account', 'grant update (is_admin) on shop.account to shop_gateway, public');
select * from tests.rule_story('tenant_registry_writable', 'shop.membership', 'grant all on shop.membership to tenancy_admin');
select is(has_table_privilege('tenancy_admin', 'shop.membership', 'select'), true, 'the right to read stays');
select * from tests.rule_story('tenant_registry_writable', 'shop.memberships', 'grant delete on shop.memberships to tenancy_user');
grant all on shop.account to shop_reporting, tenancy_operator;
grant select on shop.account to tenancy_user;
alter table shop.account add column theme text;
grant update (theme) on shop.account to tenancy_user;
grant update on shop.tenant to tenancy_admin;
select is_empty($$select * from tests.findings('tenant_registry_writable')$$, 'silent on roles that no attacker is, on reading, on columns the directory does not read, and on administrators where a bypass is asked for');

-- A table of tenants that the directory does not read, and one of settings, with the same key.
create table cols.company (id bigint primary key, name text);
create table cols.settings (company bigint primary key references cols.company, theme text);
create table cols.theme (company bigint primary key references cols.settings);
select count(*) as done from tenancy.protect('cols.company', 'id', 'read') \gset
select count(*) as done from tenancy.protect('cols.settings', 'company') \gset
select * from tests.rule_story('tenant_registry_writable', 'cols.company', 'grant update (name) on cols.company to tenancy_user');
select is_empty($$select * from tests.findings('tenant_registry_writable')$$, 'silent on a tenant''s own settings');

-- ---------------------------------------------------------------- the tenant column
select * from tests.rule_story('update_of_tenant_column_granted', 'column tenant_id of shop.patient', 'grant update on shop.patient to shop_gateway');
select is(has_column_privilege('shop_gateway', 'shop.patient', 'name', 'update'), true, 'the other columns may be changed still');
select * from tests.rule_story('update_of_tenant_column_granted', 'column tenant_id of shop.reading', 'drop policy tenancy_wall on shop.reading');
grant update (tenant_id) on shop.patient to shop_reporting, tenancy_user, tenancy_admin;
grant update (note) on shop.patient to shop_gateway;
select is_empty($$select * from tests.findings('update_of_tenant_column_granted')$$, 'silent behind the wall, on other roles and other columns');

-- ---------------------------------------------------------------- code that hangs on a table
create table cols.note (id bigint generated always as identity primary key, tenant_id bigint not null, body text, size integer);
alter table cols.note owner to shop_owner;
grant all on schema cols to shop_owner, shop_stranger;
select count(*) as done from tenancy.protect('cols.note') \gset
create function cols.loose(text) returns text language sql immutable as 'select lower($1)';
create function cols.definer(text) returns text language sql immutable security definer set search_path = pg_catalog, pg_temp as 'select lower($1)';
create function cols.theirs(text) returns text language sql immutable set search_path = pg_catalog, pg_temp as 'select lower($1)';
create function cols.good(text) returns text language sql immutable set search_path = pg_catalog, pg_temp as 'select lower($1)';
create function cols.parsed(text) returns text language sql immutable return lower($1);
alter function cols.loose(text) owner to shop_owner;
alter function cols.definer(text) owner to shop_owner;
alter function cols.theirs(text) owner to shop_stranger;
alter function cols.good(text) owner to shop_owner;

select * from tests.rule_story('stored_expression_calls_user_function', 'column body of cols.note: function cols.loose(text)', $$alter table cols.note alter column body set default cols.loose('A')$$);
select is((select p.proconfig from pg_proc p where p.oid = 'cols.loose(text)'::regprocedure), array['search_path=pg_catalog, cols, pg_temp'], 'the mend leaves the function its own schema');
alter function cols.loose(text) reset search_path;
alter table cols.note alter column body drop default;
select * from tests.rule_story('stored_expression_calls_user_function', 'index cols.by_body: function cols.loose(text)', 'create index by_body on cols.note (tenant_id, cols.loose(body))');
alter function cols.loose(text) reset search_path;
drop index cols.by_body;
create index partial on cols.note (tenant_id) where cols.theirs(body) = 'x';
select matches((select f.mend from tests.findings('stored_expression_calls_user_function', 'index cols.partial: function cols.theirs(text)') f), '^-- [^\n\r]*$',
               'a stranger''s function is told of, with no statement that would take it from him');
drop index cols.partial;
select * from tests.rule_story('stored_expression_calls_user_function', 'column made of cols.note: function cols.definer(text)', $$alter table cols.note add column made text generated always as (cols.definer(body)) stored$$);
alter function cols.definer(text) security definer;
alter table cols.note drop column made;
create domain cols.lower as text default cols.loose('A');
select * from tests.rule_story('stored_expression_calls_user_function', 'domain cols.lower: function cols.loose(text)', 'alter table cols.note add column word cols.lower');
alter function cols.loose(text) reset search_path;
alter table cols.note drop column word;

select * from tests.rule_story('constraint_calls_user_function', 'constraint "lo w" on cols.note: function cols.loose(text)', $$alter table cols.note add constraint "lo w" check (cols.loose(body) = body)$$);
select is_empty($$select * from tests.findings('stored_expression_calls_user_function')$$, 'a check is no stored expression');
alter function cols.loose(text) reset search_path;
alter table cols.note drop constraint "lo w";
create function cols.same(text, text) returns boolean language plpgsql immutable as 'begin return $1 = $2; end';
alter function cols.same(text, text) owner to shop_owner;
create operator cols.=== (function = cols.same, leftarg = text, rightarg = text);
select * from tests.rule_story('constraint_calls_user_function', 'constraint op on cols.note: function cols.same(text,text)', $$alter table cols.note add constraint op check (body operator(cols.===) body)$$);
alter table cols.note drop constraint op;
create domain cols.inner as text constraint small check (cols.theirs(value) = value);
create domain cols.outer as cols.inner;
select is_empty($$select * from tests.findings('constraint_calls_user_function')$$, 'a domain that no protected table uses is not told of');
alter table cols.note add column word cols.outer;
alter table shop.patient add column word cols.outer;
select is((select count(*) from tests.findings('constraint_calls_user_function', 'constraint small of domain cols."inner": function cols.theirs(text)')), 1::bigint, 'one that a domain of a column is made of is, once');
alter table cols.note drop column word;
alter table shop.patient drop column word;

create function cols.on_row() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as 'begin return new; end';
alter function cols.on_row() owner to shop_owner;
create trigger fine before insert on cols.note for each row execute function cols.on_row();
select is_empty($$select * from tests.findings('trigger_function_definer_or_unpinned')$$, 'silent on a trigger that runs as the caller with its names pinned');
select * from tests.rule_story('trigger_function_definer_or_unpinned', 'trigger fine on cols.note: function cols.on_row()', 'alter function cols.on_row() security definer');
select * from tests.rule_story('trigger_function_definer_or_unpinned', 'trigger fine on cols.note: function cols.on_row()', 'alter function cols.on_row() reset search_path');
alter function cols.on_row() owner to shop_stranger;
select is((select count(*) from tests.findings('trigger_function_definer_or_unpinned', 'trigger fine on cols.note: function cols.on_row()')), 1::bigint, 'shows that somebody else may replace the function');
alter function cols.on_row() owner to shop_owner;
select * from tests.rule_story('trigger_function_definer_or_unpinned', 'trigger "when" on cols.note: function cols.loose(text)', 'create trigger "when" before update on cols.note for each row when (cols.loose(new.body) is null) execute function cols.on_row()');
alter function cols.loose(text) reset search_path;
drop trigger "when" on cols.note;

-- Silent: functions that are good, of an extension, of the server; tables without protection.
create table cols.free (body text default cols.loose('A') check (cols.theirs(body) = body));
create index on cols.free (cols.loose(body));
create function cols.internal(text) returns text language internal immutable strict as 'lower';
alter table cols.note alter column body set default cols.good('A') || pg_version() || cols.internal('A') || digest('x', 'md5')::text || cols.parsed('A'), add check (cols.good(body) = lower(body)), add check (cols.parsed(body) <> 'x');
alter function cols.parsed(text) owner to shop_root;
create index on cols.note (tenant_id, cols.good(body), lower(body));
select is_empty($$select * from tests.findings('stored_expression_calls_user_function')$$, 'silent on good functions in defaults and indexes');
select is_empty($$select * from tests.findings('constraint_calls_user_function')$$, 'and in checks');

select * from tests.rule_story('extended_statistics_on_protected_table', 'statistics cols."o n"', 'create statistics cols."o n" on tenant_id, body from cols.note');
create statistics cols.free on (lower(body)) from cols.free;
select is_empty($$select * from tests.findings('extended_statistics_on_protected_table')$$, 'silent on a table without protection');

-- Names, comments and texts that an owner writes stay names and texts in the mend.
create table cols."x; drop table cols.free; --" ("tenant""id" bigint not null, body text);
select count(*) as done from tenancy.protect('cols."x; drop table cols.free; --"', 'tenant"id') \gset
select * from tests.rule_story('index_not_led_by_tenant', 'index cols."i'') ( --"', $$create index "i') ( --" on cols."x; drop table cols.free; --" (body)$$);
select has_table('cols'::name, 'free'::name, 'a name that looks like SQL is not run');

select * from finish();
rollback;
