-- Tenants that are bigint, integer, uuid or text. A database has one directory, so each type gets it for a while.

select plan(36);
select tests.open('a', 'shop_gateway');
select tests.open('owner', 'shop_owner');
select tests.tell('owner', 'create schema kinds');
select tests.tell('owner', 'grant usage on schema kinds to tenancy_user');

-- The shop's people with other names for the tenants 1 and 2.
create function pg_temp.use_type(type text, one text, two text) returns text language plpgsql as
$$
begin
  perform tests.tell('owner', 'drop view if exists kinds.memberships');
  perform tests.tell('owner', format(
    'create view kinds.memberships as select user_id, (case tenant_id when 1 then %2$L when 2 then %3$L end)::%1$s as tenant_id, tenant_name
       from shop.memberships where tenant_id in (1, 2)', type, one, two));
  return tests.sqlstate_of('owner', $q$select tenancy.use_directory('shop.accounts', 'kinds.memberships')$q$);
end
$$;
create function pg_temp.story(type text, one text, two text) returns setof text language plpgsql as
$$
begin
  perform pg_temp.make('drop table if exists kinds.thing');
  perform tests.tell('owner', 'drop view if exists kinds.memberships');
  return next is(pg_temp.use_type(type, one, two), '00000', type || ': the directory takes it');
  perform pg_temp.make(format('create table kinds.thing (id int primary key, tenant_id %s)', type));
  perform pg_temp.make(format('insert into kinds.thing select n, (array[%L, %L])[n %% 2 + 1]::%s from generate_series(1, 10) n', one, two, type));
  perform pg_temp.make($q$select count(*) from tenancy.protect('kinds.thing')$q$);
  return next is(tests.tell_as('a', 'ann', 'select count(*) || '' '' || min(tenant_id::text) from kinds.thing'), '5 ' || one, type || ': ann sees her tenant');
  return next is(tests.tell_as('a', 'bob', 'select count(*) || '' '' || min(tenant_id::text) from kinds.thing'), '5 ' || two, type || ': bob his');
  return next is(tests.tell_as('a', 'ann', 'insert into kinds.thing (id) values (11) returning tenant_id'), one, type || ': a row gets the context''s tenant');
  return next is(tests.sqlstate_as('a', 'ann', format('insert into kinds.thing values (12, %L)', two)), '42501', type || ': another tenant''s is refused');
  perform tests.tell('a', 'set enable_seqscan = off');
  perform tests.tell('a', 'set enable_bitmapscan = off');
  perform tests.begin_as('a', 'ann');
  return next matches(array_to_string(tests.tell_all('a', 'explain (costs off) select * from kinds.thing'), ' '), 'Index Cond: \(tenant_id = tenancy\.tenant_', type || ': the policy is an index condition');
  perform tests.tell('a', 'rollback');
  perform tests.tell('a', 'reset all');
end
$$;
create function pg_temp.make(definition text) returns text language sql as $$ select tests.tell('owner', definition) $$;
select pg_temp.story('bigint', '9000000000000000001', '9000000000000000002');
select pg_temp.story('integer', '1', '-2');
select pg_temp.story('uuid', '11111111-1111-1111-1111-111111111111', 'abcdefab-cdef-4abc-9def-abcdefabcdef');
select pg_temp.story('text', 'north & ''south''', 'Nörd; --');

-- Types that do not fit each other are an error, and no row.
select pg_temp.use_type('text', '1', '007');
select pg_temp.make('drop table kinds.thing');
select pg_temp.make('create table kinds.thing (id int primary key, tenant_id bigint)');
select pg_temp.make('insert into kinds.thing values (1, 1), (7, 7)');
select pg_temp.make($$select count(*) from tenancy.protect('kinds.thing')$$);
select is(tests.tell_as('a', 'ann', 'select count(*) from kinds.thing'), '1', 'a text tenant that is spelled as a number is that number');
select is(tests.sqlstate_as('a', 'bob', 'select count(*) from kinds.thing'), '42804', 'the text tenant 007 is not the number 7');
select pg_temp.use_type('text', 'north', '1 ');
select is(tests.sqlstate_as('a', 'ann', 'select count(*) from kinds.thing'), '42804', 'a tenant that is no number is an error on a table of numbers');
select is(tests.sqlstate_as('a', 'bob', 'select count(*) from kinds.thing'), '42804', 'so is one with a blank');
select pg_temp.use_type('text', '99999999999999999999', '-0');
select is(tests.sqlstate_as('a', 'ann', 'select count(*) from kinds.thing'), '42804', 'so is one beyond bigint');
select is(tests.sqlstate_as('a', 'bob', 'select count(*) from kinds.thing'), '42804', 'so is -0');
select pg_temp.use_type('text', repeat('x', 256), 'é');
select is(tests.sqlstate_of('a', tests.attach_as('ann')), '22023', 'an identifier beyond 255 bytes is refused, not cut');
select is(tests.tell_as('a', 'bob', 'select tenancy.tenant_id()'), 'é', 'any text within is a tenant');

-- An integer column is compared as it is: a tenant beyond its range has no rows in it.
select pg_temp.use_type('bigint', '4294967297', '2');
select pg_temp.make('drop table kinds.thing');
select pg_temp.make('create table kinds.thing (id int primary key, tenant_id integer)');
select pg_temp.make('insert into kinds.thing values (1, 1), (2, 2)');
select pg_temp.make($$select count(*) from tenancy.protect('kinds.thing')$$);
select is(tests.tell_as('a', 'ann', 'select count(*) from kinds.thing'), '0', 'a tenant beyond integer sees no row of an integer column, not those of its lower half');
select is(tests.sqlstate_as('a', 'ann', 'insert into kinds.thing (id) values (3)'), '22003', 'and can insert none');

select is(tests.sqlstate_of('owner', $$select tenancy.use_directory('shop.accounts', 'shop.memberships')$$), '00000', 'the shop''s directory is back');
select is(tests.tell_as('a', 'ann', 'select count(*) from shop.patient'), '5', 'and works');
set client_min_messages = warning;
drop schema kinds cascade;
select * from finish();
