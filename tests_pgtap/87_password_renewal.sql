-- Password hashes that are out of date become yescrypt at sign-in, through the function that the directory names.

select plan(63);
delete from tenancy.sign_in_attempt;
select tests.open('owner', 'shop_owner');
select tests.open('gateway', 'shop_gateway');
select tests.open('a', 'shop_gateway');

create temporary table before as select * from shop.account;
create function pg_temp.hash_of(name text) returns text language sql as $$ select password_hash from shop.account where user_name = name $$;
create function pg_temp.login(name text, password text default null) returns text language sql as
$$ select tests.sqlstate_of('gateway', format('select user_id from tenancy.login(%L, %L)', name, coalesce(password, name || '-secret'))) $$;
create function pg_temp.register(setter text) returns text language sql as
$$ select tests.sqlstate_of('owner', format('select tenancy.use_directory(%L, %L, %L)', 'shop.accounts', 'shop.memberships', setter)) $$;
create function pg_temp.owner_makes(statement text) returns text language sql as $$ select tests.tell('owner', statement) $$;

-- ---------------------------------------------------------------- what is a setter
select pg_temp.owner_makes($$create function shop.set_hash(user_id bigint, hash text) returns void language sql set search_path = pg_catalog, pg_temp
  as 'update shop.account set password_hash = hash where id = user_id'$$);
select is(pg_temp.register('shop.set_hash(bigint, text)'), '00000', 'a function (user_id, text) of the views'' owner is registered');
select is((select set_password_hash from tenancy.directory), 'shop.set_hash(pg_catalog.int8, pg_catalog.text)', 'as a text that no search_path gives another meaning');
select is(pg_temp.register(null), '00000', 'NULL registers none');
select is((select set_password_hash from tenancy.directory), null::text, 'there is none then');
select is(tests.sqlstate_of('owner', $$select tenancy.use_directory('shop.accounts', 'shop.memberships')$$), '00000', 'it may be left out');
select pg_temp.owner_makes('create function shop.by_text(text, text) returns text language sql set search_path = pg_catalog, pg_temp return null');
select is(pg_temp.register('shop.by_text(text, text)'), '00000', 'user_id may be text');
select is(pg_temp.register('shop.nothing(bigint, text)'), '42883', 'it must be there');
select pg_temp.owner_makes('create function shop.one(text) returns text language sql set search_path = pg_catalog, pg_temp return null');
select is(pg_temp.register('shop.one(text)'), '42P17', 'and have two arguments');
select pg_temp.owner_makes('create function shop.three(bigint, text, text default null) returns text language sql set search_path = pg_catalog, pg_temp return null');
select is(pg_temp.register('shop.three(bigint, text, text)'), '42P17', 'not three');
select pg_temp.owner_makes('create function shop.uuids(uuid, text) returns text language sql set search_path = pg_catalog, pg_temp return null');
select is(pg_temp.register('shop.uuids(uuid, text)'), '42P17', 'of the right type');
select pg_temp.owner_makes('create function shop.bytes(bigint, bytea) returns text language sql set search_path = pg_catalog, pg_temp return null');
select is(pg_temp.register('shop.bytes(bigint, bytea)'), '42P17', 'both of them');
select pg_temp.owner_makes('create function shop.many(bigint, text) returns setof text language sql set search_path = pg_catalog, pg_temp begin atomic select null::text; end');
select is(pg_temp.register('shop.many(bigint, text)'), '42P17', 'it returns no set');
select pg_temp.owner_makes('create procedure shop.process(bigint, text) language sql begin atomic select 1; end');
select is(pg_temp.register('shop.process(bigint, text)'), '42P17', 'it is no procedure');
select is(pg_temp.register('pg_catalog.repeat(text, integer)'), '42P17', 'it is no function of the server');
create function shop.foreign_setter(bigint, text) returns text language sql set search_path = pg_catalog, pg_temp as 'select null::text';
select is(pg_temp.register('shop.foreign_setter(bigint, text)'), '42P17', 'nor one of somebody else''s');
select throws_ok($$select tenancy.use_directory('shop.accounts', 'shop.memberships', 'shop.foreign_setter(bigint, text)')$$, '42P17', null, 'for superusers too');

-- ---------------------------------------------------------------- renewal
select is(pg_temp.register(null), '00000', 'without a setter');
select is(pg_temp.login('ann'), '00000', 'ann signs in with bcrypt');
select matches(pg_temp.hash_of('ann'), '^\$2b\$', 'and her hash stays');
create temporary table older as select tests.token('ann') as token;
select is(pg_temp.register('shop.set_hash(bigint, text)'), '00000', 'with one');
select is(pg_temp.login('ann', 'wrong'), '28P01', 'a wrong password');
select matches(pg_temp.hash_of('ann'), '^\$2b\$', 'renews nothing');
select is(pg_temp.login('ann'), '00000', 'she signs in');
select matches(pg_temp.hash_of('ann'), '^\$y\$j9T\$', 'and has a hash as tenancy.hash_password() makes them');
select is(tests.sqlstate_of('a', format('select tenancy.attach(%L)', token)), '00000', 'her older session lives on: the password is the same') from older;
create temporary table renewed as select pg_temp.hash_of('ann') as hash;
select is(pg_temp.login('ann'), '00000', 'she signs in again');
select is(pg_temp.hash_of('ann'), (select hash from renewed), 'and the hash is not made a second time');
select is(pg_temp.login('ann', 'wrong'), '28P01', 'a wrong password is still wrong');
select is(array[pg_temp.login('gil'), pg_temp.login('ian'), pg_temp.login('joy')], array_fill('00000'::text, array[3]), 'SHA-512, $2a$ and $2y$ sign in');
select is((select count(*) from shop.account where user_name in ('gil', 'ian', 'joy') and password_hash ~ '^\$y\$j9T\$'), 3::bigint, 'and are renewed');
select is(pg_temp.login('lea', repeat('l', 72)), '00000', 'a password as long as bcrypt reads');
select is(pg_temp.login('lea', repeat('l', 73)), '28P01', 'is not longer with yescrypt');
select is(array[pg_temp.login('fay'), pg_temp.login('ken'), pg_temp.login('max', 'a password in plain text')], array_fill('28P01'::text, array[3]),
  'disabled accounts, costly hashes and plain texts do not sign in');
select is((select count(*) from shop.account a join before b using (id) where a.user_name in ('fay', 'ken', 'max') and a.password_hash = b.password_hash), 3::bigint,
  'and are not renewed');
create temporary table session as select (tests.tell('gateway', $$select token from tenancy.login('joy', 'joy-secret')$$)) as token;
select is(tests.sqlstate_of('a', format('select tenancy.attach(%L)', token)), '00000', 'a session begun after a renewal works') from session;
update shop.account a set password_hash = b.password_hash from before b where b.id = a.id;
update session set token = tests.tell('gateway', $$select token from tenancy.login('joy', 'joy-secret')$$);
select matches(pg_temp.hash_of('joy'), '^\$y\$', 'joy is renewed');
select is(tests.sqlstate_of('a', format('select tenancy.attach(%L)', token)), '00000', 'and the very session that renewed works') from session;

-- ---------------------------------------------------------------- a sign-in never fails by it
update shop.account a set password_hash = b.password_hash from before b where b.id = a.id;
create function pg_temp.with_setter(body text) returns text language plpgsql as
$$
begin
  perform pg_temp.owner_makes(format('create or replace function shop.set_hash(user_id bigint, hash text) returns void language plpgsql set search_path = pg_catalog, pg_temp as %L', body));
  return pg_temp.login('bob');
end
$$;
select is(pg_temp.with_setter($$begin raise exception 'no: %', hash; end$$), '00000', 'a setter that raises');
select is(pg_temp.with_setter($$begin perform 1 / 0; end$$), '00000', 'or fails');
select is(pg_temp.with_setter($$begin end$$), '00000', 'or stores nothing');
select is(pg_temp.with_setter($$begin update shop.account set password_hash = 'x' where id = user_id; end$$), '00000', 'or something else');
select is(pg_temp.with_setter($$begin create temporary table t (); end$$), '00000', 'or does what a restricted operation forbids');
select is(pg_temp.hash_of('bob'), (select password_hash from before where user_name = 'bob'), 'leaves the hash as it was');
select is(pg_temp.with_setter($$begin set search_path = shop; set timezone = 'Pacific/Apia'; update shop.account set password_hash = hash where id = user_id; end$$), '00000', 'one that changes settings');
select is(array[tests.tell('gateway', 'show search_path'), tests.tell('gateway', 'show timezone')], array[tests.tell('a', 'show search_path'), tests.tell('a', 'show timezone')], 'leaves none changed');
select matches(pg_temp.hash_of('bob'), '^\$y\$', 'and renews');

-- Who signs in gives the names in a setter no other meaning: a temporary table of the client's stands under one of them.
update shop.account a set password_hash = b.password_hash from before b where b.id = a.id;
create function pg_temp.with_path(clause text) returns text language plpgsql as
$$
begin
  perform pg_temp.owner_makes('drop function shop.set_hash(bigint, text)');
  perform pg_temp.owner_makes(format($f$create function shop.set_hash(user_id bigint, hash text) returns void language plpgsql %s as
    'begin update shop.account set password_hash = hash where id = user_id; update account set password_hash = hash where id = user_id; end'$f$, clause));
  return pg_temp.register('shop.set_hash(bigint, text)');
end
$$;
select is(pg_temp.with_path(clause), code, format('a setter with "%s"', clause))
  from (values ('', '42P17'), ('set search_path = shop', '42P17'), ('set search_path = pg_temp, shop', '42P17'), ('set search_path = shop, my_pg_temp', '42P17'),
               ('set search_path = shop, "pg_temp "', '42P17'), ('set timezone = utc', '42P17'), ('set search_path = shop, pg_temp', '00000')) c (clause, code);
select tests.tell('gateway', 'create temporary table account (id bigint, password_hash text)');
select tests.tell('gateway', format('insert into account values (%s, null)', id)) from shop.account where user_name = 'bob';
select tests.tell('gateway', 'grant all on account to public');
select tests.tell('gateway', 'set search_path = pg_temp, shop');
select is(pg_temp.login('bob'), '00000', 'a client with a table of the same name signs in');
select is(tests.tell('gateway', 'select password_hash from pg_temp.account where password_hash is not null'), null::text, 'and the hash is not in that table');
select matches(pg_temp.hash_of('bob'), '^\$y\$', 'but in the right one');
-- The counter-measure taken away.
update shop.account a set password_hash = b.password_hash from before b where b.id = a.id;
select pg_temp.owner_makes('alter function shop.set_hash(bigint, text) reset search_path');
select is(pg_temp.login('bob'), '00000', 'with a setter that does not pin its search_path');
select matches(tests.tell('gateway', 'select password_hash from pg_temp.account where password_hash is not null'), '^\$y\$', 'it would be');
select tests.tell('gateway', 'reset search_path');
select tests.tell('gateway', 'drop table pg_temp.account');
update shop.account a set password_hash = b.password_hash from before b where b.id = a.id;

-- A password that was changed while its old one was being verified does not come back.
select pg_temp.owner_makes($$create or replace function shop.set_hash(user_id bigint, hash text) returns void language sql set search_path = pg_catalog, pg_temp
  as 'update shop.account set password_hash = hash where id = user_id'$$);
select tests.tell('owner', 'begin');
select tests.tell('owner', $$update shop.account set password_hash = '$y$j9T$changed' where user_name = 'bob'$$);
select dblink_send_query('gateway', $$select user_id from tenancy.login('bob', 'bob-secret')$$);
create function pg_temp.wait_for_lock() returns boolean language plpgsql as
$$
begin
  loop
    if exists (select from pg_locks where not granted) or dblink_is_busy('gateway') = 0 then
      return dblink_is_busy('gateway') = 1;
    end if;
  end loop;
end
$$;
select ok(pg_temp.wait_for_lock(), 'a sign-in waits for a change of the password that is under way');
select tests.tell('owner', 'commit');
select value is not null from dblink_get_result('gateway') as answer (value text);
select value from dblink_get_result('gateway') as answer (value text);
select is(pg_temp.hash_of('bob'), '$y$j9T$changed', 'and does not bring the old one back');

-- ---------------------------------------------------------------- a setter that goes, or changes hands
update shop.account a set password_hash = b.password_hash from before b where b.id = a.id;
alter function shop.set_hash(bigint, text) owner to current_user;
select is(pg_temp.login('bob'), '00000', 'a setter that has another owner now is not called');
select is(pg_temp.hash_of('bob'), (select password_hash from before where user_name = 'bob'), 'whoever it is');
drop function shop.set_hash(bigint, text);
select is(pg_temp.login('bob'), '00000', 'one that is gone fails no sign-in');

-- ---------------------------------------------------------------- back to what was
select pg_temp.register(null);
drop function shop.by_text(text, text), shop.one(text), shop.three(bigint, text, text), shop.uuids(uuid, text), shop.bytes(bigint, bytea), shop.many(bigint, text), shop.foreign_setter(bigint, text);
drop procedure shop.process(bigint, text);
update shop.account a set password_hash = b.password_hash from before b where b.id = a.id;
delete from tenancy.sign_in_attempt;
select * from finish();
