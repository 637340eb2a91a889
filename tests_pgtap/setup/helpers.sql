-- How a test acts as somebody else: over a real connection of that person's own. A context belongs to one
-- transaction and the seal keeps pgTAP's machinery out of it, so assertions stay on the superuser's side and
-- statements go out through dblink. Loaded by fixture.sql.

create schema tests;

create table tests.login (
  name text primary key,
  password text not null default gen_random_uuid()::text
);

-- Opens a named connection as a login. settings is what a client would put into PGOPTIONS: '-c name=value …'.
create function tests.open(connection text, login text, settings text default '') returns void
  language plpgsql as
$$
begin
  if connection = any (coalesce(dblink_get_connections(), '{}')) then
    perform dblink_disconnect(connection);
  end if;
  perform dblink_connect(connection, tests.address(login, settings));
end
$$;

create function tests.address(login text, settings text default '') returns text
  language sql as
$$
  select format('host=%L port=%s dbname=%L user=%L password=%L options=%L',
                trim(split_part(current_setting('unix_socket_directories'), ',', 1)), current_setting('port'),
                current_database(), login, l.password, settings)
    from tests.login l where l.name = login
$$;

create function tests.close(connection text) returns void
  language sql as
$$ select dblink_disconnect(connection) $$;

-- Runs a statement there and tells the first value of its answer, NULL when there is none. The answer has one column.
-- For a command it is the command's tag.
create function tests.tell(connection text, statement text) returns text
  language sql as
$$ select value from dblink(connection, statement) as answer (value text) limit 1 $$;

-- The whole first column.
create function tests.tell_all(connection text, statement text) returns text[]
  language sql as
$$ select array_agg(value) from dblink(connection, statement) as answer (value text) $$;

-- Tries a statement there: SQLSTATE, message, detail and hint of its error; code 00000 when it went through.
create function tests.try(connection text, statement text,
                          out code text, out message text, out detail text, out hint text)
  language plpgsql as
$$
begin
  perform tests.tell_all(connection, statement);
  code := '00000';
exception when others then
  get stacked diagnostics code = returned_sqlstate, message = message_text,
                          detail = pg_exception_detail, hint = pg_exception_hint;
end
$$;

create function tests.sqlstate_of(connection text, statement text) returns text
  language sql as
$$ select code from tests.try(connection, statement) $$;

-- SQLSTATE of a statement inside an open transaction, which lives on afterwards.
create function tests.sqlstate_inside(connection text, statement text) returns text
  language plpgsql as
$$
declare
  outcome text;
begin
  perform tests.tell(connection, 'savepoint before_try');
  outcome := tests.sqlstate_of(connection, statement);
  perform tests.tell(connection, 'rollback to savepoint before_try');
  perform tests.tell(connection, 'release savepoint before_try');
  return outcome;
end
$$;

-- Signs a user of the shop in and hands over the token.
create function tests.token(user_name text, password text default null) returns text
  language plpgsql as
$$
begin
  if not 'sign-in' = any (coalesce(dblink_get_connections(), '{}')) then
    perform tests.open('sign-in', 'shop_gateway');
  end if;
  return tests.tell('sign-in', format('select token from tenancy.login(%L, %L)', user_name,
                                      coalesce(password, user_name || '-secret')));
end
$$;

-- The statement that attaches a fresh session of this user.
create function tests.attach_as(user_name text) returns text
  language sql as
$$ select format('select tenancy.attach(%L)', tests.token(user_name)) $$;

-- Begins a transaction there as this user.
create function tests.begin_as(connection text, user_name text) returns void
  language plpgsql as
$$
begin
  perform tests.tell(connection, 'begin');
  perform tests.tell(connection, tests.attach_as(user_name));
end
$$;

-- What one statement answers in a transaction of its own as this user.
create function tests.tell_as(connection text, user_name text, statement text) returns text
  language plpgsql as
$$
declare
  answer text;
begin
  perform tests.begin_as(connection, user_name);
  answer := tests.tell(connection, statement);
  perform tests.tell(connection, 'commit');
  return answer;
end
$$;

-- SQLSTATE of one statement in a transaction of its own as this user; rolled back.
create function tests.sqlstate_as(connection text, user_name text, statement text) returns text
  language plpgsql as
$$
declare
  outcome text;
begin
  perform tests.begin_as(connection, user_name);
  outcome := tests.sqlstate_of(connection, statement);
  perform tests.tell(connection, 'rollback');
  return outcome;
end
$$;


-- ---------------------------------------------------------------- rules of tenancy.check()
-- What a rule says of an object; no row where it is silent.
create function tests.findings(rule name, object text default null) returns setof tenancy.finding
  language sql as
$$
  select row(c.object, c.gain, c.mend)::tenancy.finding
    from tenancy.check(array[findings.rule]) c where findings.object is null or c.object = findings.object
$$;

-- The story of a rule in three lines of TAP: silent before; it shows the hole that a statement makes; the mend that it
-- prints, run as it stands, makes it silent again. Run as a superuser, in a transaction that is rolled back.
create function tests.rule_story(rule name, object text, hole text) returns setof text
  language plpgsql as
$$
declare
  mend text;
begin
  return next is((select count(*) from tests.findings(rule, object)), 0::bigint, format('%s: silent on %s as it should be', rule, object));
  execute hole;
  select f.mend into mend from tests.findings(rule, object) f;
  return next is((select count(*) from tests.findings(rule, object)), 1::bigint, format('%s: shows the hole in %s', rule, object));
  if mend is not null then
    execute mend;
  end if;
  return next is((select count(*) from tests.findings(rule, object)), 0::bigint, format('%s: its mend makes it silent on %s', rule, object));
end
$$;
