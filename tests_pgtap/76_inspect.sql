-- Inspection from psql: the views, who sees what in them, and that every object says what it is.

select plan(34);
select tests.open('a', 'shop_gateway');
select tests.open('own', 'shop_owner');
select tests.open('op', 'shop_operator');
select tests.open('rep', 'shop_reporting');

-- ---------------------------------------------------------------- tenancy.protected
select set_eq($$select table_name::text, kind, tenant_column::text, access, enabled, forced, tenant_index::text from tenancy.protected where table_name::text like 'shop.%'$$,
  $$values ('shop.patient', 'tenant', 'tenant_id', 'write', true, true, 'shop.patient_tenancy_idx'), ('shop.reading', 'tenant', 'tenant_id', 'write', true, true, 'shop.reading_tenancy_idx'),
           ('shop.tenant', 'tenant', 'id', 'read', true, true, 'shop.tenant_pkey')$$, 'the protected tables are listed');
select is((select policies from tenancy.protected where table_name = 'shop.patient'::regclass), '{tenancy_bypass,tenancy_bypass_wall,tenancy_tenant,tenancy_wall}'::name[], 'with their policies');
begin;
alter table shop.patient no force row level security;
create policy another on shop.patient using (true);
drop index shop.patient_tenancy_idx;
select ok(not forced and 'another' = any (policies) and tenant_index is null, 'what is not as it should be shows') from tenancy.protected where table_name = 'shop.patient'::regclass;
rollback;
select is((select row(estimated_rows, estimated_rows_per_tenant)::text from tenancy.protected where table_name = 'shop.patient'::regclass), '(1500,5)', 'rows and rows per tenant are estimated');
select is(tests.tell('own', $$select (estimated_rows, estimated_rows_per_tenant)::text from tenancy.protected where table_name = 'shop.patient'::regclass$$), '(1500,5)', 'the owner sees the estimate');
select is(tests.tell('op', $$select (estimated_rows, estimated_rows_per_tenant)::text from tenancy.protected where table_name::text like '%patient'$$), '(1500,5)', 'and an operator');
select is(tests.tell('rep', $$select (estimated_rows, estimated_rows_per_tenant)::text from tenancy.protected where table_name::text like '%patient'$$), '(,)', 'a reporting role does not');
select is(tests.tell_as('a', 'ann', $$select (estimated_rows, estimated_rows_per_tenant)::text from tenancy.protected where table_name = 'shop.patient'::regclass$$), '(,)', 'nor a tenant');
select tests.tell('own', 'create function shop.owners_look() returns text language sql security definer as $$select estimated_rows::text from tenancy.protected where table_name = ''shop.patient''::regclass$$');
select is(tests.tell_as('a', 'ann', 'select shop.owners_look()'), null, 'nor a function of the owner, called in a tenant''s context');
select tests.tell('own', 'drop function shop.owners_look()');
create table shop.part (id int, tenant_id bigint not null, primary key (tenant_id, id)) partition by list (tenant_id);
create table shop.part_1 partition of shop.part for values in (1);
insert into shop.part select n, 1 from generate_series(1, 10) n;
select count(*) from tenancy.protect('shop.part');
analyze shop.part;
select set_eq($$select table_name::text, is_child, estimated_rows, estimated_rows_per_tenant from tenancy.protected where table_name::text like 'shop.part\_%' or table_name = 'shop.part'::regclass$$,
  $$values ('shop.part', false, 10::bigint, 10::bigint), ('shop.part_1', true, 10, 10)$$, 'partitions are listed, and a partitioned table has an estimate of its own');
drop table shop.part;

-- ---------------------------------------------------------------- tenancy.policies
select set_eq($$select policy::text, command, permissive, roles::text, using_expression, made_by_protect from tenancy.policies where table_name = 'shop.patient'::regclass$$,
  $$values ('tenancy_bypass', 'all', true, '{tenancy_admin}', 'tenancy.bypassing()', true), ('tenancy_bypass_wall', 'all', false, '{tenancy_admin}', 'tenancy.bypassing()', true),
           ('tenancy_tenant', 'all', true, '{public}', '(tenant_id = tenancy.tenant_bigint())', true), ('tenancy_wall', 'all', false, '{tenancy_user}', '(tenant_id = tenancy.tenant_bigint())', true)$$,
  'each policy is listed with what it asks');
begin;
create policy another on shop.reading for insert to shop_owner, shop_reporting with check (amount > 0);
select is((select row(command, permissive, roles, using_expression, check_expression, made_by_protect)::text from tenancy.policies where policy = 'another'),
          '(insert,t,"{shop_owner,shop_reporting}",,"(amount > 0)",f)', 'also those of the application');
rollback;
select is(tests.tell_as('a', 'ann', $$select count(*) from tenancy.policies where table_name = 'shop.patient'::regclass$$), '4', 'everybody may read them, as in the catalog');

-- ---------------------------------------------------------------- tenancy.sessions
select tests.token('bob') as bob, tests.token('ann') as ann, tests.token('ann') as ended \gset
select tests.tell('sign-in', format('select tenancy.logout(%L)', :'ended'));
select hasnt_column('tenancy', 'sessions', 'token_hash', 'a session never shows the hash of its token');
select isnt_empty($$select from tenancy.sessions where user_id = (select id::text from shop.account where user_name = 'bob')$$, 'there are sessions of others');
select is(tests.tell_as('a', 'ann', 'select string_agg(distinct user_id, '','') from tenancy.sessions'), (select id::text from shop.account where user_name = 'ann'), 'a tenant sees sessions of its own user');
select is(tests.tell_as('a', 'ann', 'select count(*) from tenancy.sessions where is_current'), '1', 'one of them is the current one');
select is(tests.tell_as('a', 'ann', 'select state from tenancy.sessions where is_current'), 'live', 'which lives');
select is(tests.tell_as('a', 'eve', 'select string_agg(distinct user_id, '','') from tenancy.sessions'), (select id::text from shop.account where user_name = 'eve'), 'a bypass over the gateway sees its own, too');
select is(tests.sqlstate_of('a', 'select count(*) from tenancy.sessions'), '42501', 'the gateway''s login may not look');
select is(tests.sqlstate_of('rep', 'select count(*) from tenancy.sessions'), '42501', 'nor a reporting role');
select is(tests.sqlstate_of('own', 'select count(*) from tenancy.sessions'), '42501', 'nor the owner of the database');
select tests.tell('a', 'set role tenancy_user');
select is(tests.tell('a', 'select count(*) from tenancy.sessions'), '0', 'who becomes tenancy_user without a context sees none');
select tests.tell('a', 'reset role');
select is(tests.tell('op', 'select count(distinct user_id) > 1 from tenancy.sessions'), 't', 'an operator sees all');
select is(tests.tell('op', 'select array_agg(state) @> array[''live'', ''revoked''] from tenancy.sessions where user_id = ''1'''), 't', 'and how each of them stands');
begin;
update tenancy.session set expires_at = now() - interval '1 s' where user_id = (select id::text from shop.account where user_name = 'bob');
select is((select string_agg(distinct s.state, ',') from tenancy.sessions s join shop.account a on a.id::text = s.user_id where a.user_name = 'bob' and s.state <> 'revoked'), 'expired', 'an expired one is called so');
update tenancy.session set expires_at = now() + interval '1 h', last_used_at = now() - interval '2 h' where user_id = (select id::text from shop.account where user_name = 'bob');
select is((select string_agg(distinct s.state, ',') from tenancy.sessions s join shop.account a on a.id::text = s.user_id where a.user_name = 'bob' and s.state <> 'revoked'), 'idle', 'an idle one, too');
rollback;
create role tests_both login in role tenancy_gateway, tenancy_operator;
insert into tests.login (name) values ('tests_both');
select format('alter role tests_both password %L', password) from tests.login where name = 'tests_both' \gexec
select tests.open('both', 'tests_both');
select is(tests.tell_as('both', 'ann', 'select count(distinct user_id) from tenancy.sessions'), '1', 'an operator in a tenant''s context sees his own alone');
select is(tests.tell_as('both', 'eve', 'select count(distinct user_id) > 1 from tenancy.sessions'), 't', 'and all in a bypass');
select tests.close('both');
drop role tests_both;
delete from tests.login where name = 'tests_both';
-- A cheap function of the asker's would see every session before the condition of the view.
create function shop.spy(user_id text) returns boolean language plpgsql cost 0.0001 as
  $$begin if user_id <> '1' then raise exception 'saw a session of user %', user_id; end if; return true; end$$;
grant execute on function shop.spy(text) to public;
select is(tests.sqlstate_as('a', 'ann', 'select count(*) from tenancy.sessions where shop.spy(user_id)'), '00000', 'no session of others passes through a function of a tenant''s');
alter view tenancy.sessions reset (security_barrier);
select is(tests.sqlstate_as('a', 'ann', 'select count(*) from tenancy.sessions where shop.spy(user_id)'), 'P0001', 'which the barrier does');
alter view tenancy.sessions set (security_barrier);
drop function shop.spy(text);

-- ---------------------------------------------------------------- every object says what it is
create temporary view member as
  select d.classid, d.objid from pg_depend d
   where d.refclassid = 'pg_extension'::regclass and d.refobjid = (select oid from pg_extension where extname = 'tenancy') and d.deptype = 'e';
-- Columns of internal views are the rules' own business; row and array types come with the table or type that has the comment.
create temporary view silent as
  select pg_describe_object(m.classid, m.objid, 0) as object
    from member m
    left join pg_type t on m.classid = 'pg_type'::regclass and t.oid = m.objid
    left join pg_class c on m.classid = 'pg_class'::regclass and c.oid = m.objid
   where coalesce(c.relkind, 'r') not in ('i', 'c', 't')
     and not coalesce(t.typelem <> 0 or t.typtype = 'c' and exists (select from pg_class r where r.oid = t.typrelid and r.relkind <> 'c'), false)
     and obj_description(m.objid, m.classid::regclass::text::name) is null
  union all
  select format('column %s of %s', a.attname, c.oid::regclass)
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
   where c.relnamespace = 'tenancy'::regnamespace and c.relkind in ('r', 'v', 'm', 'p', 'c') and col_description(c.oid, a.attnum) is null
     and not (c.relkind = 'v' and coalesce(obj_description(c.oid, 'pg_class'), '') like 'internal: %') -- nobody can select from those
     and not (c.relkind = 'c' and coalesce(obj_description(c.reltype, 'pg_type'), '') like 'internal: %')
  union all
  select format('trigger %s on %s', t.tgname, t.tgrelid::regclass)
    from pg_trigger t join pg_class c on c.oid = t.tgrelid
   where c.relnamespace = 'tenancy'::regnamespace and not t.tgisinternal and obj_description(t.oid, 'pg_trigger') is null
  union all
  select format('setting %s', s.name) from pg_settings s where s.name like 'tenancy.%' and (coalesce(s.short_desc, '') = '' or coalesce(s.extra_desc, '') = '')
  union all
  select format('role %s', r.rolname) from pg_roles r where r.rolname like 'tenancy\_%' and shobj_description(r.oid, 'pg_authid') is null;
select cmp_ok((select count(*) from member), '>=', 40::bigint, 'the list of objects is not empty by mistake');
begin;
comment on view tenancy.sessions is null;
comment on column tenancy.sessions.id is null;
comment on function tenancy.whoami() is null;
select set_eq('select object from silent', $$values ('view tenancy.sessions'), ('column id of tenancy.sessions'), ('function tenancy.whoami()')$$, 'a comment that is missing is found');
rollback;
select is_empty('select object from silent', 'every function, view, table, type, column, trigger, setting and role of the extension has a comment');

select * from finish();
