-- Rules of tenancy.check(): policies that somebody else has written, and the functions they call.

-- For real, and so committed: what people write without an extension, and what ann of tenant 1 makes of it.
create table shop.bill (tenant_id bigint, amount integer);
insert into shop.bill values (1, 10), (2, 20), (2, 22);
alter table shop.bill enable row level security;
alter table shop.bill force row level security;
create policy own on shop.bill using (tenant_id = current_setting('app.tenant')::bigint);
grant select on shop.bill to tenancy_user;
select tests.open('gateway', 'shop_gateway');
select tests.tell('gateway', 'set app.tenant = 2') \g /dev/null
select tests.tell_as('gateway', 'ann', 'select count(*) from shop.bill where tenant_id = 2') as seen_before \gset
select f.mend from tests.findings('policy_reads_setting') f \gset
:mend \g /dev/null
select tests.tell_as('gateway', 'ann', 'select count(*) from shop.bill where tenant_id = 2') as seen_after \gset
select tests.close('gateway');
drop table shop.bill;

begin;
select plan(127);
select isnt(:'seen_before'::text, '0', 'a setting in place of the context shows ann the rows of whomever she names');
select is(:'seen_after'::text, '0', 'until the mend of policy_reads_setting has run');

-- Three tables: protected, with policies by hand and the tenant column, with policies by hand and no tenant.
create table shop.task (id bigint, tenant_id bigint not null, owner_id bigint, note text);
alter table shop.task enable row level security;
alter table shop.task force row level security;
create policy own on shop.task using (tenant_id = tenancy.tenant_bigint());
create policy wall on shop.task as restrictive using (tenant_id = tenancy.tenant_bigint());
create table shop.post (id bigint, owner_id bigint, is_public boolean not null default true);
alter table shop.post enable row level security;
alter table shop.post force row level security;
create policy own on shop.post using (owner_id = tenancy.user_bigint());

-- Silent at what is harmless: by hand as it should be, and what only takes rows away.
create policy living on shop.patient as restrictive using (name <> 'deleted' or note is null);
create policy living on shop.task as restrictive using (note <> 'deleted');
select is_empty($$select c.rule, c.object from tenancy.check() c join tenancy.rule r on r.name = c.rule
                   where c.rule ~ 'polic|rls|protection|permissive|tree'$$,
                'silent on good policies by hand, and on restrictive ones beside the protection');

-- ---------------------------------------------------------------- several_permissive_policies
select * from tests.rule_story('several_permissive_policies', 'policy "more" on shop.patient', 'create policy more on shop.patient for select using (note = ''x'')');
select * from tests.rule_story('several_permissive_policies', 'policy "more" on shop.task', 'create policy more on shop.task to shop_reporting using (note = ''x'')');
savepoint hole;
drop policy own on shop.task;
create policy reading on shop.task for select using (tenant_id = tenancy.tenant_bigint());
create policy writing on shop.task for insert with check (tenant_id = tenancy.tenant_bigint());
create policy more on shop.post using (is_public);
select is_empty($$select object from tests.findings('several_permissive_policies')$$, 'several_permissive_policies: silent where they are for different commands, and without tenants');

-- ---------------------------------------------------------------- per_command_policies
select is_empty($$select object from tests.findings('per_command_policies')$$, 'per_command_policies: silent where commands are judged alike');
select * from tests.rule_story('per_command_policies', 'shop.task', 'alter policy writing on shop.task with check (tenant_id > 0)');
rollback to hole;
select * from tests.rule_story('per_command_policies', 'shop.task', 'alter policy own on shop.task with check (tenant_id > 0)');
rollback to hole;

-- ---------------------------------------------------------------- policy_always_true
select * from tests.rule_story('policy_always_true', 'policy "all" on shop.patient', 'create policy "all" on shop.patient using (true)');
select * from tests.rule_story('policy_always_true', 'policy "own" on shop.task', 'alter policy own on shop.task with check (true)');
rollback to hole;
select * from tests.rule_story('policy_always_true', 'policy "own" on shop.task', 'alter policy own on shop.task using (tenant_id = tenant_id)');
rollback to hole;
select * from tests.rule_story('policy_always_true', 'policy "own" on shop.task', 'alter policy own on shop.task using (tenant_id = tenancy.tenant_bigint() or true)');
rollback to hole;
select * from tests.rule_story('policy_always_true', 'policy "own" on shop.task', 'alter policy own on shop.task using (1 = 1) with check (note <> '''')');
rollback to hole;
select * from tests.rule_story('policy_always_true', 'policy "own" on shop.task', 'alter policy own on shop.task using (tenant_id is not null)');
rollback to hole;
select * from tests.rule_story('policy_always_true', 'policy "tenancy_reference" on shop.task',
  'drop policy own on shop.task; create policy tenancy_reference on shop.task for select using (true)');
rollback to hole;
alter policy own on shop.post using (true);
create policy nobody on shop.patient for delete to shop_reporting using (false);
create policy literal on shop.patient as restrictive using (note <> 'this OR true');
select is_empty($$select object from tests.findings('policy_always_true')$$, 'policy_always_true: silent without tenants, where nothing is let through, and where rows are taken away');
rollback to hole;

-- ---------------------------------------------------------------- policy_has_or_isnull
select * from tests.rule_story('policy_has_or_isnull', 'policy "own" on shop.task', 'alter policy own on shop.task using (tenant_id = tenancy.tenant_bigint() or owner_id = 1)');
rollback to hole;
select * from tests.rule_story('policy_has_or_isnull', 'policy "more" on shop.patient', 'create policy more on shop.patient using (note is null)');
select * from tests.rule_story('policy_has_or_isnull', 'policy "more" on shop.patient', 'create policy more on shop.patient using (tenant_id = coalesce(tenancy.tenant_bigint(), tenant_id))');
alter policy own on shop.post using (is_public or owner_id = tenancy.user_bigint());
alter policy own on shop.task using (tenant_id = tenancy.tenant_bigint() and note is not null);
select is_empty($$select object from tests.findings('policy_has_or_isnull')$$, 'policy_has_or_isnull: silent at AND, at IS NOT NULL, and without tenants');
rollback to hole;

-- ---------------------------------------------------------------- no_restrictive_tenant_policy
select * from tests.rule_story('no_restrictive_tenant_policy', 'shop.task', 'drop policy wall on shop.task');
rollback to hole;
select * from tests.rule_story('no_restrictive_tenant_policy', 'shop.task', 'alter policy wall on shop.task using (note <> ''x'')');
rollback to hole;
select * from tests.rule_story('no_restrictive_tenant_policy', 'shop.task', 'alter policy wall on shop.task to shop_reporting');
rollback to hole;

-- ---------------------------------------------------------------- policy_names_reachable_role
create role "Auditor";
create role auditor_of_auditors in role "Auditor";
create policy audit on shop.task to "Auditor" using (note <> 'x');
create policy audit on shop.patient to shop_reporting, tenancy_user using (note <> 'x');
select * from tests.rule_story('policy_names_reachable_role', 'policy "audit" on shop.task', 'grant auditor_of_auditors to shop_gateway');
select is_empty($$select object from tests.findings('policy_names_reachable_role')$$, 'policy_names_reachable_role: silent at roles of others, and at tenancy_user, who is meant');
rollback to hole;

-- ---------------------------------------------------------------- policy_reads_setting
select * from tests.rule_story('policy_reads_setting', 'policy "own" on shop.task', 'alter policy own on shop.task using (tenant_id = current_setting(''app.tenant'', true)::bigint)');
rollback to hole;
create function shop.tenant() returns bigint language sql stable set search_path = pg_catalog, pg_temp as 'select current_setting(''app.tenant'')::bigint';
select * from tests.rule_story('policy_reads_setting', 'policy "own" on shop.task', 'alter policy own on shop.task using (tenant_id = shop.tenant())');
rollback to hole;
select * from tests.rule_story('policy_reads_setting', 'policy "wall" on shop.task', 'alter policy wall on shop.task using (tenant_id = current_setting(''app.tenant'')::bigint)');
rollback to hole;
alter policy own on shop.post using (owner_id = current_setting('app.user')::bigint);
select alike((select f.mend from tests.findings('policy_reads_setting', 'policy "own" on shop.post') f), '-- drop policy own on shop.post; select step from tenancy.protect(%',
             'policy_reads_setting: without a known tenant column its mend is for a person to finish');
rollback to hole;
alter policy own on shop.task using (tenant_id = current_setting('tenancy.tenant_id')::bigint);
create policy shown on shop.patient as restrictive using (note <> current_setting('app.hide'));
select is_empty($$select object from tests.findings('policy_reads_setting')$$, 'policy_reads_setting: silent at the context''s own settings, and at what takes rows away from a protected table');
rollback to hole;

-- ---------------------------------------------------------------- policy_on_current_user, policy_with_subselect
select * from tests.rule_story('policy_on_current_user', 'policy "own" on shop.task', 'alter policy own on shop.task using (note = session_user)');
rollback to hole;
create policy readers on shop.patient as restrictive using (current_user <> 'shop_stranger');
select is_empty($$select object from tests.findings('policy_on_current_user')$$, 'policy_on_current_user: silent where it takes rows away');
select * from tests.rule_story('policy_with_subselect', 'policy "own" on shop.task',
  'alter policy own on shop.task using (tenant_id in (select m.tenant_id from shop.membership m where m.user_id = tenancy.user_bigint()))');
rollback to hole;
create policy member on shop.patient as restrictive using ((select true));
select matches((select f.mend from tests.findings('policy_with_subselect') f), '^-- ', 'policy_with_subselect: dropping a restrictive policy could open more than it closes');
rollback to hole;

-- ---------------------------------------------------------------- functions
create function shop.mine(bigint) returns boolean language sql stable leakproof set search_path = pg_catalog, pg_temp as 'select $1 = tenancy.tenant_bigint()';
create function shop.same(bigint, bigint) returns boolean language plpgsql stable set search_path = pg_catalog, pg_temp as 'begin return $1 = $2; end';
create operator shop.= (leftarg = bigint, rightarg = bigint, function = shop.same);
alter function shop.same(bigint, bigint) owner to shop_owner;
alter function shop.mine(bigint) owner to shop_owner;
alter table shop.task owner to shop_owner;
alter function shop.mine(bigint) not leakproof;
create function shop.plain(text) returns boolean language sql stable set search_path = pg_catalog, pg_temp begin atomic select $1 <> ''; end;
savepoint functions;

select * from tests.rule_story('slow_policy_function', 'function shop.mine(bigint)', 'alter policy own on shop.task using (shop.mine(tenant_id))');
rollback to functions;
select * from tests.rule_story('slow_policy_function', 'function shop.same(bigint,bigint)', 'alter policy own on shop.task using (tenant_id operator(shop.=) tenancy.tenant_bigint())');
rollback to functions;
create policy more on shop.patient using (shop.mine(tenant_id));
alter policy own on shop.task using (shop.mine(tenant_id));
select f.mend from tests.findings('slow_policy_function') f \gset
:mend;
select is_empty($$select object from tests.findings('slow_policy_function')$$, 'slow_policy_function: one mend for all policies that call it');
rollback to functions;

alter policy own on shop.task using (shop.mine(tenant_id));
alter policy living on shop.task using (tenant_id operator(shop.=) tenancy.tenant_bigint());
savepoint called;
select * from tests.rule_story('policy_function_mutable_search_path', 'function shop.mine(bigint)', 'alter function shop.mine(bigint) reset search_path');
select is((select p.proconfig from pg_proc p where p.oid = 'shop.mine(bigint)'::regprocedure), array['search_path=pg_catalog, shop, pg_temp'], 'its mend keeps the schema of the function');
select * from tests.rule_story('policy_function_mutable_search_path', 'function shop.mine(bigint)', 'alter function shop.mine(bigint) set search_path = ''''');
select * from tests.rule_story('policy_function_mutable_search_path', 'function shop.same(bigint,bigint)',
  $$select set_config('search_path', 'pg_temp,"Odd ""name",x;drop,shop', true); alter function shop.same(bigint, bigint) set search_path from current; select set_config('search_path', 'public', true)$$);
select is((select p.proconfig from pg_proc p where p.oid = 'shop.same(bigint,bigint)'::regprocedure),
          array['search_path=pg_catalog, "Odd ""name", "x;drop", shop, pg_temp'], 'nothing of the old setting is taken as SQL');
rollback to called;

select * from tests.rule_story('policy_function_volatile', 'function shop.same(bigint,bigint)', 'alter function shop.same(bigint, bigint) volatile');
select * from tests.rule_story('policy_function_volatile', 'policy "own" on shop.task', 'alter policy own on shop.task using (id < random())');
rollback to called;

select * from tests.rule_story('policy_function_replaceable', 'function shop.mine(bigint)', 'alter function shop.mine(bigint) owner to shop_reporting');
select * from tests.rule_story('policy_function_replaceable', 'function shop.mine(bigint)', 'grant create on schema shop to public, tenancy_user; alter function shop.same(bigint, bigint) owner to shop_owner');
select * from tests.rule_story('policy_function_replaceable', 'function shop.mine(bigint)', 'grant shop_reporting to shop_gateway; grant create on schema shop to shop_reporting; alter function shop.mine(bigint) owner to shop_reporting');
alter function shop.mine(bigint) security definer;
alter function shop.mine(bigint) owner to shop_reporting;
alter table shop.task owner to postgres;
select alike((select f.mend from tests.findings('policy_function_replaceable', 'function shop.mine(bigint)') f), '-- %',
             'no mend makes a SECURITY DEFINER function a superuser''s');
alter function shop.mine(bigint) security invoker;
alter function shop.mine(bigint) owner to shop_owner;
alter table shop.task owner to shop_owner;
grant create on schema shop to shop_stranger;
select is_empty($$select object from tests.findings('policy_function_replaceable')$$, 'policy_function_replaceable: silent at roles that no attacker becomes');
rollback to called;
select is_empty($$select rule, object from tenancy.check(array['policy_function_replaceable', 'policy_function_volatile', 'policy_function_mutable_search_path',
                  'leakproof_user_function', 'immutable_function_reads_context']::name[])$$, 'silent on functions as they should be');

select * from tests.rule_story('leakproof_user_function', 'function shop.mine(bigint)', 'alter function shop.mine(bigint) leakproof');
select * from tests.rule_story('immutable_function_reads_context', 'function shop.mine(bigint)', 'alter function shop.mine(bigint) immutable');
select * from tests.rule_story('immutable_function_reads_context', 'function shop.who()',
  'create function shop.who() returns text language sql immutable begin atomic select current_user::text; end');
create function shop.twice(bigint) returns bigint language sql immutable as 'select 2 * $1';
select is_empty($$select object from tests.findings('immutable_function_reads_context')$$, 'immutable_function_reads_context: silent at a function of its arguments');

select * from finish();
rollback;
