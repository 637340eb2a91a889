-- Rules of tenancy.check(): is every table with tenants' rows protected, and wholly?

-- For real, and so committed: policies that are ours by name alone, and what ann of tenant 1 sees of others.
select tests.open('gateway', 'shop_gateway');
drop policy tenancy_wall on shop.patient;
alter policy tenancy_tenant on shop.patient using (tenant_id is not null);
select tests.tell_as('gateway', 'ann', 'select count(*) from shop.patient where tenant_id <> 1') as seen_before \gset
select f.mend from tests.findings('protection_not_intact') f order by f.object limit 1 \gset
:mend \g /dev/null
select tests.tell_as('gateway', 'ann', 'select count(*) from shop.patient where tenant_id <> 1') as seen_after \gset
select tests.close('gateway');

begin;
select plan(111);

-- ---------------------------------------------------------------- rls_disabled_on_tenant_table
select * from tests.rule_story('rls_disabled_on_tenant_table', 'shop.note',
  'create table shop.note (id bigint generated always as identity primary key, tenant_id bigint)');
select * from tests.rule_story('rls_disabled_on_tenant_table', 'shop.patient', 'alter table shop.patient disable row level security');
select * from tests.rule_story('rls_disabled_on_tenant_table', 'shop."Odd ""name"', 'create table shop."Odd ""name" (tenant_id uuid)');
select * from tests.rule_story('rls_disabled_on_tenant_table', 'shop.membership', 'grant select on shop.membership to tenancy_user');

create table shop.first ("Org" integer);
select is((select count(*) from tests.findings('rls_disabled_on_tenant_table', 'shop.first')), 0::bigint, 'a column of any other name says nothing');
select count(*) > 0 as protects from tenancy.protect('shop.first', 'Org') \gset
select * from tests.rule_story('rls_disabled_on_tenant_table', 'shop.second', 'create table shop.second (tenant_id bigint, "Org" integer); alter table shop.second drop column tenant_id');
select is((select p.tenant_column from tenancy.protection p where p.relation = 'shop.second'::regclass), 'Org', 'its mend names the column that other tables are protected by');

create table shop.root (tenant_id bigint, day date) partition by range (day);
create table shop.leaf partition of shop.root default;
select is((select array_agg(f.object) from tests.findings('rls_disabled_on_tenant_table') f), array['shop.root'], 'a tree is one finding, at its root');
drop table shop.root;

create table shop.shown (tenant_id bigint);
grant select on shop.shown to tenancy_user;
select is((select f.mend from tests.findings('rls_disabled_on_tenant_table', 'shop.shown') f),
          'select step from tenancy.protect(''shop.shown'', ''tenant_id'', access => ''read'')', 'its mend gives nobody a right to write who had none');
drop table shop.shown;

create table shop."two
lines" (tenant_id smallint);
select is((select f.mend ~ '^-- [^\n]*$' from tests.findings('rls_disabled_on_tenant_table') f), true,
          'what no statement mends is a comment on one line, whatever a name holds');
drop table shop."two
lines";

create temporary table note (tenant_id bigint);
create view shop.looks as select 1 as tenant_id;
select is_empty($$select object from tests.findings('rls_disabled_on_tenant_table')$$,
  'silent: the key of a table of tenants, temporary tables, views, tables that only the directory reads');

-- ---------------------------------------------------------------- policy_without_rls
create table shop.todo (id bigint, person bigint);
select * from tests.rule_story('policy_without_rls', 'shop.todo', 'create policy own on shop.todo using (person = 1)');
select * from tests.rule_story('policy_without_rls', 'shop.draft',
  'create table shop.draft (tenant_id bigint); create policy own on shop.draft using (tenant_id = tenancy.tenant_bigint())');
alter table shop.patient disable row level security;
select is((select count(*) from tests.findings('policy_without_rls')), 0::bigint, 'policy_without_rls: leaves protected tables to rls_disabled_on_tenant_table');
alter table shop.patient enable row level security;

-- ---------------------------------------------------------------- rls_not_forced
select * from tests.rule_story('rls_not_forced', 'shop.patient', 'alter table shop.patient no force row level security');
drop table shop.draft;
select * from tests.rule_story('rls_not_forced', 'shop.draft',
  'create table shop.draft (tenant_id bigint); create policy own on shop.draft using (tenant_id = tenancy.tenant_bigint()); alter table shop.draft enable row level security');
select is((select count(*) from tests.findings('rls_not_forced', 'shop.todo')), 0::bigint, 'rls_not_forced: silent on a table without tenants');

-- ---------------------------------------------------------------- rls_without_policy
select * from tests.rule_story('rls_without_policy', 'shop.memo',
  'create table shop.memo (tenant_id bigint); alter table shop.memo enable row level security');
create table shop.vault (code text);
alter table shop.vault enable row level security;
select is((select count(*) from tests.findings('rls_without_policy', 'shop.vault')), 0::bigint, 'rls_without_policy: silent on a table that is granted to nobody');
grant select on shop.vault to public;
select matches((select f.mend from tests.findings('rls_without_policy', 'shop.vault') f), '^-- ', 'rls_without_policy: what it shall be without tenants is for a person to say');

-- ---------------------------------------------------------------- tenant_column_nullable
select * from tests.rule_story('tenant_column_nullable', 'shop.patient', 'alter table shop.patient alter column tenant_id drop not null');
alter table shop.patient alter column tenant_id drop not null;
create policy tenancy_shared on shop.patient for select using (tenant_id is null and tenancy.tenant_bigint() is not null);
select is((select count(*) from tests.findings('tenant_column_nullable')), 0::bigint, 'tenant_column_nullable: silent on a shared table');
drop policy tenancy_shared on shop.patient;
alter table shop.patient alter column tenant_id set not null;

-- ---------------------------------------------------------------- inheritance_tree_partly_protected
create table shop.visit (tenant_id bigint not null, day date not null) partition by range (day);
create table shop.visit_2025 partition of shop.visit for values from ('2025-01-01') to ('2026-01-01');
select count(*) > 0 as protects from tenancy.protect('shop.visit', access => 'read') \gset
select is((select count(*) from tests.findings('inheritance_tree_partly_protected')), 0::bigint, 'inheritance_tree_partly_protected: silent on a whole tree');
select * from tests.rule_story('inheritance_tree_partly_protected', 'shop.visit_2026',
  'create table shop.visit_2026 partition of shop.visit for values from (''2026-01-01'') to (''2027-01-01'')');
select is(has_table_privilege('tenancy_user', 'shop.visit', 'insert'), false, 'its mend keeps the options of the parent');
select * from tests.rule_story('inheritance_tree_partly_protected', 'shop.visit_2026', 'alter table shop.visit_2026 disable row level security');
select * from tests.rule_story('inheritance_tree_partly_protected', 'shop.visit_2026', 'drop policy tenancy_tenant on shop.visit_2026');
select * from tests.rule_story('inheritance_tree_partly_protected', 'shop.child', 'create table shop.child () inherits (shop.patient); alter table shop.child owner to shop_owner');
alter table shop.child add other bigint;
select * from tests.rule_story('inheritance_tree_partly_protected', 'shop.child',
  'alter policy tenancy_tenant on shop.child using (other = tenancy.tenant_bigint()) with check (other = tenancy.tenant_bigint());
   alter policy tenancy_wall on shop.child using (other = tenancy.tenant_bigint()) with check (other = tenancy.tenant_bigint())');
create table shop.above (title text);
select * from tests.rule_story('inheritance_tree_partly_protected', 'shop.above', 'alter table shop.reading add title text; alter table shop.reading inherit shop.above');

-- ---------------------------------------------------------------- protection_not_intact
select is_empty($$select object from tests.findings('protection_not_intact')$$, 'protection_not_intact: silent on all that tenancy.protect() made');
select * from tests.rule_story('protection_not_intact', 'policy "tenancy_tenant" on shop.patient', 'alter policy tenancy_tenant on shop.patient using (true)');
select * from tests.rule_story('protection_not_intact', 'policy "tenancy_tenant" on shop.patient',
  'alter policy tenancy_tenant on shop.patient with check (tenant_id = tenancy.tenant_bigint() or name = ''x'')');
select isnt(:'seen_before'::text, '0', 'policies that are ours by name alone show ann the rows of others');
select is(:'seen_after'::text, '0', 'until the mend of the finding has run');
select * from tests.rule_story('protection_not_intact', 'policy "tenancy_tenant" on shop.patient', 'drop policy tenancy_tenant on shop.patient');
select * from tests.rule_story('protection_not_intact', 'policy "tenancy_wall" on shop.patient', 'drop policy tenancy_wall on shop.patient');
select * from tests.rule_story('protection_not_intact', 'policy "tenancy_wall" on shop.patient', 'alter policy tenancy_wall on shop.patient to shop_reporting');
select * from tests.rule_story('protection_not_intact', 'policy "tenancy_wall" on shop.patient',
  'drop policy tenancy_wall on shop.patient; create policy tenancy_wall on shop.patient to tenancy_user using (tenant_id = tenancy.tenant_bigint()) with check (tenant_id = tenancy.tenant_bigint())');
select * from tests.rule_story('protection_not_intact', 'policy "tenancy_bypass" on shop.tenant', 'alter policy tenancy_bypass on shop.tenant to public');
select is(has_table_privilege('tenancy_user', 'shop.tenant', 'insert'), false, 'its mend keeps the access of the table');
select * from tests.rule_story('protection_not_intact', 'policy "tenancy_bypass_wall" on shop.visit_2026',
  'alter policy tenancy_bypass_wall on shop.visit_2026 using (true)');
create function shop.same(bigint, bigint) returns boolean language sql as 'select true';
create operator shop.= (leftarg = bigint, rightarg = bigint, function = shop.same);
select * from tests.rule_story('protection_not_intact', 'policy "tenancy_tenant" on shop.patient',
  'alter policy tenancy_tenant on shop.patient using (tenant_id operator(shop.=) tenancy.tenant_bigint())');
select * from tests.rule_story('protection_not_intact', 'policy "tenancy_reference" on shop.patient',
  'create policy tenancy_reference on shop.patient for select using (true)');

alter table shop.patient add other bigint;
alter policy tenancy_tenant on shop.patient using (other = tenancy.tenant_bigint()) with check (other = tenancy.tenant_bigint());
select alike((select f.mend from tests.findings('protection_not_intact') f), '-- %',
             'where two policies disagree about the column, a person says which is right');
alter policy tenancy_tenant on shop.patient using (tenant_id = tenancy.tenant_bigint()) with check (tenant_id = tenancy.tenant_bigint());

-- Shared rows, rows of a user, reference tables: as tenancy.protect() makes them.
create table shop.template (tenant_id bigint, title text);
select count(*) > 0 as protects from tenancy.protect('shop.template', shared => true) \gset
select is_empty($$select object from tests.findings('protection_not_intact')$$, 'protection_not_intact: silent on a shared table');
alter policy tenancy_shared on shop.template using (true);
select is((select f.object from tests.findings('protection_not_intact') f), 'policy "tenancy_shared" on shop.template', 'but not on one that shares everything');

create table shop.letter (tenant_id uuid not null, owner_id text not null);
select count(*) > 0 as protects from tenancy.protect('shop.letter', owner_column => 'owner_id') \gset
select is((select count(*) from tests.findings('protection_not_intact') f where f.object like '%letter'), 0::bigint, 'protection_not_intact: silent on rows of a user');
select * from tests.rule_story('protection_not_intact', 'policy "tenancy_tenant" on shop.letter',
  'alter policy tenancy_tenant on shop.letter using (tenant_id = tenancy.tenant_uuid())');
select is((select p.owner_column from tenancy.protection p where p.relation = 'shop.letter'::regclass), 'owner_id', 'its mend keeps the column of the user');

create table shop.country (code text);
select count(*) > 0 as protects from tenancy.protect('shop.country', reference => true) \gset
select is((select count(*) from tests.findings('protection_not_intact') f where f.object like '%country'), 0::bigint, 'protection_not_intact: silent on a reference table');
select * from tests.rule_story('protection_not_intact', 'policy "tenancy_reference" on shop.country', 'alter policy tenancy_reference on shop.country to tenancy_user');
-- A name that reads like the stored tree.
create table shop.tricky (id int);
create policy tenancy_tenant on shop.tricky using (exists (select from shop.tricky as ":varattno" where ":varattno".id is null));
select cmp_ok((select count(*) from tests.findings('protection_not_intact') f where f.object like '%shop.tricky'), '>', 0::bigint,
              'protection_not_intact: a name like the stored tree''s own words does not stop it');

select * from finish();
rollback;
