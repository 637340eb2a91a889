-- Attack: a true context at the wrong time, one that outlives its transaction or changes inside it.

select plan(28);
select tests.open('a', 'shop_gateway');

create function pg_temp.left_over(connection text) returns text language sql as
$$ select tests.tell(connection, $q$select concat_ws('|', current_setting('tenancy.user_id'), current_setting('tenancy.tenant_id'), tenancy.bypassing(), current_user)$q$) $$;

-- ---------------------------------------------------------------- stacked statements
select tests.tell('a', 'begin');
select is(tests.tell('a', tests.attach_as('ann') || '; commit; begin'), 'BEGIN', 'an injected COMMIT; BEGIN goes through');
select is(pg_temp.left_over('a'), '||f|shop_gateway', 'but the new transaction has no context and no role');
select is(tests.sqlstate_of('a', 'select count(*) from shop.patient'), '42501', 'and no row');
select tests.tell('a', 'rollback');
select tests.begin_as('a', 'ann');
select tests.tell('a', 'commit and chain');
select is(pg_temp.left_over('a'), '||f|shop_gateway', 'COMMIT AND CHAIN carries nothing on');
select tests.tell('a', 'rollback');
select tests.begin_as('a', 'ann');
select tests.tell('a', 'rollback and chain');
select is(pg_temp.left_over('a'), '||f|shop_gateway', 'ROLLBACK AND CHAIN neither');
select tests.tell('a', 'rollback');

-- ---------------------------------------------------------------- savepoints
select tests.tell('a', 'begin');
select tests.tell('a', 'savepoint outside');
select tests.tell('a', tests.attach_as('ann'));
select tests.tell('a', 'savepoint inside');
select tests.tell('a', 'release savepoint inside');
select is(tests.tell('a', 'show tenancy.tenant_id'), '1', 'a released savepoint changes nothing');
select is(tests.sqlstate_inside('a', tests.attach_as('bob')), '25001', 'a savepoint of inside is no way to a second context');
select tests.tell('a', 'rollback to savepoint outside');
select is(pg_temp.left_over('a'), '||f|shop_gateway', 'back to one of before there is none');
select tests.tell('a', 'rollback');

-- A cursor of before the context, moved from one context into the next.
select tests.tell('a', 'begin');
select tests.tell('a', 'savepoint s');
select tests.tell('a', tests.attach_as('ann'));
select tests.tell('a', 'declare c cursor for select tenant_id from shop.patient');
select tests.tell('a', 'fetch c');
select tests.tell('a', 'rollback to savepoint s');
select tests.tell('a', tests.attach_as('bob'));
select is(tests.sqlstate_inside('a', 'fetch c'), '34000', 'a cursor of a context goes with it');
select tests.tell('a', 'rollback');

-- ---------------------------------------------------------------- left open in the pool
select tests.begin_as('a', 'ann');
select is(tests.sqlstate_of('a', tests.attach_as('bob')), '25001', 'who gets a connection with an open transaction is refused, not mixed up');
select tests.tell('a', 'rollback');
select tests.begin_as('a', 'ann');
select tests.sqlstate_of('a', 'select 1 / 0');
select is(tests.sqlstate_of('a', tests.attach_as('bob')), '25P02', 'also when that transaction has failed');
select tests.tell('a', 'rollback');

-- ---------------------------------------------------------------- procedures
create procedure shop.commits() language plpgsql as $$ begin commit; end $$;
create procedure shop.rolls_back() language plpgsql as $$ begin rollback; end $$;
select tests.begin_as('a', 'ann');
select is(tests.sqlstate_inside('a', 'call shop.commits()'), '2D000', 'a procedure cannot commit inside a transaction block');
select is(tests.sqlstate_inside('a', 'call shop.rolls_back()'), '2D000', 'nor roll back');
select is(tests.tell('a', 'show tenancy.tenant_id'), '1', 'the context stays');
select tests.tell('a', 'rollback');
select is(tests.sqlstate_of('a', format($$do $do$ begin perform tenancy.attach(%L); commit; perform count(*) from shop.patient; end $do$ $$, tests.token('ann'))), '42501',
  'a block that attaches cannot go on with its program');
select is(pg_temp.left_over('a'), '||f|shop_gateway', 'and leaves nothing');
create procedure shop.attaches_and_commits(token text, inout state text) language plpgsql as
$$ begin
  perform tenancy.attach(token);
  commit;
  state := concat_ws('|', current_setting('tenancy.tenant_id'), current_user);
end $$;
grant usage on schema shop to shop_gateway;
select is(tests.tell('a', format('call shop.attaches_and_commits(%L, null)', tests.token('ann'))), '|shop_gateway',
  'a procedure that attaches and commits goes on without context and role');
revoke usage on schema shop from shop_gateway;
drop procedure shop.commits();
drop procedure shop.rolls_back();
drop procedure shop.attaches_and_commits(text, text);

-- ---------------------------------------------------------------- deferred triggers
create table shop.late (id int primary key, tenant_id bigint, seen text);
select count(*) from tenancy.protect('shop.late');
create function shop.late_look() returns trigger language plpgsql as
$$ begin
  update shop.late set seen = tenancy.tenant_id() || ' ' || current_user || ' ' || (select count(*) from shop.patient) where id = new.id and seen is null;
  return null;
end $$;
create constraint trigger late after insert on shop.late deferrable initially deferred for each row execute function shop.late_look();
select tests.begin_as('a', 'ann');
select tests.tell('a', 'insert into shop.late (id) values (1)');
select tests.tell('a', 'commit');
select is((select seen from shop.late where id = 1), '1 tenancy_user 5', 'a deferred trigger runs in the context of its transaction');
drop table shop.late;
drop function shop.late_look();

-- ---------------------------------------------------------------- two-phase commit, cursors WITH HOLD
select is(tests.sqlstate_as('a', 'ann', $$prepare transaction 'kept'$$), '42501', 'PREPARE TRANSACTION is refused');
select is(tests.sqlstate_as('a', 'ann', $$commit prepared 'kept'$$), '42501', 'so is COMMIT PREPARED');
select is(tests.sqlstate_as('a', 'ann', $$rollback prepared 'kept'$$), '42501', 'and ROLLBACK PREPARED');
select is(tests.sqlstate_as('a', 'ann', 'declare c cursor with hold for select * from shop.patient'), '42501', 'a cursor WITH HOLD is refused');
select tests.open('owner', 'shop_owner');
select tests.tell('owner', format('alter database %I set tenancy.seal = off', current_database()));
select tests.open('unsealed', 'shop_gateway');
select is(tests.sqlstate_as('unsealed', 'ann', 'declare c cursor with hold for select * from shop.patient'), '42501', 'where the seal is off too');
select tests.tell('owner', format('alter database %I reset tenancy.seal', current_database()));
create function shop.holds() returns void language plpgsql security definer as
$$ begin execute 'declare c cursor with hold for select 1'; end $$;
select is(tests.sqlstate_as('a', 'ann', 'select shop.holds()'), '42501', 'inside a SECURITY DEFINER function too');
drop function shop.holds();

-- ---------------------------------------------------------------- a statement on its own
select is(tests.tell('a', tests.attach_as('ann') || '; select count(*) from shop.patient'), '5', 'statements sent together are one transaction');
select is(pg_temp.left_over('a'), '||f|shop_gateway', 'which ends with the message');
select is(tests.sqlstate_of('a', tests.attach_as('ann') || '; select 1 / 0; select count(*) from shop.patient'), '22012', 'an error ends it');
select is(pg_temp.left_over('a'), '||f|shop_gateway', 'and the context');

select * from finish();
