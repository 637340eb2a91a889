-- Attack: become a role that is held less, or widen what a role sees.

select plan(65);
select tests.open('a', 'shop_gateway');
select tests.open('owner', 'shop_owner');

-- ---------------------------------------------------------------- out of the role, inside a context
create temporary table escape (statement text);
insert into escape values ('reset role'), ('set role none'), ('set role tenancy_admin'), ('set local role tenancy_admin'),
  ('set role tenancy_gateway'), ('set role shop_gateway'), ('set role shop_owner'), ('set role postgres'), ('set "role" to tenancy_admin'),
  ('select set_config(''role'', ''none'', true)'), ('select set_config(''role'', ''tenancy_admin'', false)'),
  ('select set_config(''ROLE'', ''tenancy_admin'', true)'),
  ('select set_config(''session_authorization'', ''tenancy_admin'', true)'),
  ('set session authorization default'), ('set session authorization shop_owner'), ('set local session authorization tenancy_admin'),
  ('reset session authorization'), ('discard all'), ('set row_security = off'), ('set local row_security = off'),
  ('select set_config(''row_security'', ''off'', true)'), ('set session_replication_role = replica'),
  ('update pg_settings set setting = ''tenancy_admin'' where name = ''role'''),
  ('select query_to_xml($$select set_config(''role'', ''none'', true)$$, true, true, '''')');
select tests.begin_as('a', 'ann');
select isnt(tests.sqlstate_inside('a', statement), '00000', statement || ' is refused') from escape;
select is(tests.tell('a', $$select current_user || ' ' || tenancy.tenant_id() || ' ' || tenancy.bypassing()$$), 'tenancy_user 1 false', 'after all that role and context are as they were');
select tests.tell('a', 'rollback');

-- ---------------------------------------------------------------- roles made, changed, left
select is(tests.sqlstate_as('a', 'ann', statement), '42501', statement || ' is refused')
  from unnest(array['create role mine', 'alter role shop_gateway password ''known''', 'alter role current_user set search_path = x',
                    'alter role session_user superuser', 'drop role shop_reporting', 'grant tenancy_operator to shop_gateway',
                    'grant select on shop.patient to public', 'drop owned by current_user', 'reassign owned by current_user to shop_gateway',
                    'alter table shop.patient disable row level security', 'drop policy tenancy_wall on shop.patient',
                    'create policy mine on shop.patient using (true)', 'alter default privileges grant select on tables to public']) statement;
select tests.tell('a', 'set role tenancy_admin');
select is(tests.sqlstate_of('a', 'select count(*) from shop.patient'), '42501', 'tenancy_admin without a context sees no row, and an error');
select is(tests.sqlstate_of('a', 'update shop.tenant set may_see_all = true'), '42501', 'and changes none');
select is(tests.tell_as('a', 'ann', 'select current_user'), 'tenancy_user', 'a role left for the next user is not his');
select is(tests.tell_as('a', 'ann', 'select count(*) from shop.patient'), '5', 'nor are its rights');
select tests.tell('a', 'reset role');
select tests.tell('a', 'set tenancy.on_missing_context = empty');
select tests.tell('a', 'set role tenancy_admin');
select is(tests.tell('a', 'select count(*) from shop.patient'), '0', 'where a missing context is empty, tenancy_admin sees none');
select is(tests.tell('a', 'update shop.tenant set may_see_all = true'), 'UPDATE 0', 'and changes none');
select tests.tell('a', 'discard all');

-- A function whose SET clause names a role: made on the pooled connection, called inside a context.
select tests.tell('a', $$create function pg_temp.as_admin() returns text language plpgsql set role = tenancy_admin as
  $f$ declare changed bigint; seen bigint;
  begin
    update shop.tenant set may_see_all = true;
    get diagnostics changed = row_count;
    select count(*) into seen from shop.tenant;
    return current_user || ' changed ' || changed || ' saw ' || seen;
  end $f$ $$);
select is(tests.tell_as('a', 'ann', 'select pg_temp.as_admin()'), 'tenancy_admin changed 0 saw 0',
  'a function with SET role = tenancy_admin takes a tenant''s rows away, and changes none that the tenant may only read');
select is((select count(*) from shop.tenant where may_see_all), 0::bigint, 'nobody made himself an admin');
-- The same with attach inside the function, which leaves the caller's role behind.
select tests.tell('a', $$create function pg_temp.attach_and_keep_role(token text) returns void language plpgsql set role = tenancy_admin as
  $f$ begin perform tenancy.attach(token); end $f$ $$);
select tests.tell('a', 'begin');
select tests.tell('a', 'set local role tenancy_admin');
select tests.tell('a', format('select pg_temp.attach_and_keep_role(%L)', tests.token('ann')));
select is(tests.tell('a', 'select current_user || '' of '' || tenancy.tenant_id()'), 'tenancy_admin of 1', 'a context under the wrong role can be had');
select is(tests.tell('a', 'select count(*) from shop.patient'), '0', 'it shows no row');
select is(tests.tell('a', 'update shop.tenant set may_see_all = true'), 'UPDATE 0', 'and changes none');
select is(tests.sqlstate_inside('a', 'insert into shop.patient (name) values (''x'')'), '42501', 'and adds none');
select is(tests.sqlstate_inside('a', 'lock table shop.patient'), '42501', 'and is sealed');
select tests.tell('a', 'rollback');
-- The counter-proof.
drop policy tenancy_bypass_wall on shop.tenant;
select is(tests.tell_as('a', 'ann', 'select pg_temp.as_admin()'), 'tenancy_admin changed 1 saw 1', 'without tenancy_bypass_wall that function would have made ann''s tenant an admin''s');
update shop.tenant set may_see_all = false where may_see_all;
select is(step, 'create policy', 'protect puts it back') from tenancy.protect('shop.tenant', 'id', 'read');
select is(tests.tell_as('a', 'ann', 'select pg_temp.as_admin()'), 'tenancy_admin changed 0 saw 0', 'and it is closed again');

-- ---------------------------------------------------------------- who looks from elsewhere
create role tests_inherits login in role tenancy_user, tenancy_admin; -- as a developer would grant them by mistake
insert into tests.login (name) values ('tests_inherits') on conflict do nothing;
select format('alter role tests_inherits password %L', password) from tests.login where name = 'tests_inherits' \gexec
select tests.open('inherits', 'tests_inherits');
select is(tests.sqlstate_of('inherits', 'select count(*) from shop.patient'), '42501', 'a login that inherits both roles sees nothing without a context');
create role tests_reads_all login in role pg_read_all_data, pg_write_all_data;
insert into tests.login (name) values ('tests_reads_all') on conflict do nothing;
select format('alter role tests_reads_all password %L', password) from tests.login where name = 'tests_reads_all' \gexec
select tests.open('reads_all', 'tests_reads_all');
select is(tests.sqlstate_of('reads_all', 'select count(*) from shop.patient'), '42501', 'pg_read_all_data does not read past the policies');
select is(tests.sqlstate_of('reads_all', 'delete from shop.patient'), '42501', 'pg_write_all_data does not write past them');
select is(tests.sqlstate_of('owner', 'select count(*) from shop.patient'), '42501', 'the tables'' owner is held by FORCE');
select is(tests.sqlstate_of('owner', 'set row_security = off; select count(*) from shop.patient'), '42501', 'row_security = off is an error for him, and no way round');
select tests.close('inherits');
select tests.close('reads_all');
drop role tests_inherits, tests_reads_all;
delete from tests.login where name in ('tests_inherits', 'tests_reads_all');

-- ---------------------------------------------------------------- views
select tests.tell('owner', 'create view shop.definer_view as select * from shop.patient');
select tests.tell('owner', 'create view shop.invoker_view with (security_invoker = true) as select * from shop.patient');
select tests.tell('owner', 'grant select on shop.definer_view, shop.invoker_view to tenancy_user');
select is(tests.tell_as('a', 'ann', 'select count(*) from shop.definer_view'), '5', 'a view that runs as the tables'' owner shows a tenant''s rows, as he is held too');
select is(tests.tell_as('a', 'ann', 'select count(*) from shop.invoker_view'), '5', 'so does one that runs as its caller');
select tests.tell('owner', 'drop view shop.definer_view, shop.invoker_view');

-- A function that reports what it sees, cheap enough to be asked before the policy.
select tests.tell('a', $$create function pg_temp.overhear(text) returns boolean language plpgsql cost 0.0000001 as
  $f$ begin if $1 not like '%of tenant 1' then raise exception 'overheard %', $1; end if; return true; end $f$ $$);
select is(tests.tell_as('a', 'ann', 'select count(*) from shop.patient where pg_temp.overhear(name)'), '5', 'a function in the condition is asked about the tenant''s rows alone');
select is(tests.tell_as('a', 'ann', $$select count(*) from shop.patient where ctid = '(0,7)' or id = 2$$), '0', 'a row''s place or number finds no row of others');
select is(tests.tell_as('a', 'ann', 'select count(*) from shop.patient tablesample bernoulli (100)'), '5', 'a sample neither');
select is(tests.tell_as('a', 'ann', 'select count(*) from (select * from shop.patient for update) s'), '5', 'FOR UPDATE locks the tenant''s rows alone');

select * from finish();
