-- Hardening: rights that PostgreSQL gives to everybody and that help to get around isolation. What there is to take away
-- is computed from the catalog by tenancy.hardening_right(), for harden(), soften() and the rules of tenancy.check() alike.

create table tenancy.hardening (
  kind text not null constraint hardening_kind check (kind in ('database', 'schema', 'language', 'function', 'table')),
  object text not null,
  privilege text not null constraint hardening_privilege check (privilege in ('temporary', 'create', 'connect', 'usage', 'execute', 'select')),
  grantee name not null,
  recorded_in oid not null,
  recorded_by name not null default session_user,
  recorded_at timestamptz not null default pg_catalog.clock_timestamp(),
  constraint hardening_pkey primary key (kind, object, privilege, grantee)
);
comment on table tenancy.hardening is 'what tenancy.harden(true) changed and tenancy.soften() takes back';
comment on column tenancy.hardening.kind is 'database, schema, language, function or table';
comment on column tenancy.hardening.object is 'its name, quoted where it must be; of a database its oid';
comment on column tenancy.hardening.privilege is 'the right that was taken or given';
comment on column tenancy.hardening.grantee is 'public: the right was taken from PUBLIC; a role: it was given to this role, so that it keeps what it had';
comment on column tenancy.hardening.recorded_in is 'oid of the database in which harden() ran';
comment on column tenancy.hardening.recorded_by is 'login role that called it';
comment on column tenancy.hardening.recorded_at is 'when';
revoke all on tenancy.hardening from public;
-- Where pg_dump leaves the right out, of databases and of built-in languages, a note of it would be untrue in the copy.
select pg_catalog.pg_extension_config_dump('tenancy.hardening', $$where kind <> 'database' and (kind, object) <> ('language', 'sql')$$);

-- The objects of one kind that hardening is about, with their rights as they are. This and the next two are plpgsql for
-- its cache of plans: six rules of one tenancy.check() ask them, and planning costs more than running.
create function tenancy.hardening_object(kind text)
  returns table (oid oid, name name, arguments integer, owner oid, acl aclitem[])
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
  select d.oid, d.datname, null::integer, d.datdba, coalesce(d.datacl, acldefault('d', d.datdba)) from pg_database d
   where kind = 'database' and d.datallowconn
  union all
  select n.oid, n.nspname, null::integer, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner)) from pg_namespace n
   where kind = 'schema' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  union all
  select l.oid, l.lanname, null::integer, l.lanowner, coalesce(l.lanacl, acldefault('l', l.lanowner)) from pg_language l
   where kind = 'language' and l.lanpltrusted
  union all
  -- Outside pg_catalog the name proves nothing: anybody may call a function pg_stat_statements.
  select p.oid, p.proname, p.pronargs::integer, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)) from pg_proc p
   where kind = 'function'
     and (p.pronamespace = 'pg_catalog'::regnamespace
          or p.oid in (select d.objid from pg_depend d join pg_extension x on x.oid = d.refobjid and x.extname = 'pg_stat_statements'
                        where d.refclassid = 'pg_extension'::regclass and d.classid = 'pg_proc'::regclass and d.deptype = 'e'))
  union all
  select c.oid, c.relname, null::integer, c.relowner, coalesce(c.relacl, acldefault('r', c.relowner)) from pg_class c
   where kind = 'table' and c.relkind = 'v'
     and (c.relnamespace = 'pg_catalog'::regnamespace
          or c.oid in (select d.objid from pg_depend d join pg_extension x on x.oid = d.refobjid and x.extname = 'pg_stat_statements'
                        where d.refclassid = 'pg_extension'::regclass and d.classid = 'pg_class'::regclass and d.deptype = 'e'));
end
$function$;
comment on function tenancy.hardening_object(text) is 'internal: databases, schemas, languages, system functions or system views (kind table) with owner and rights';

create function tenancy.hardening_name(kind text, oid oid, name name) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select case hardening_name.kind
    when 'function' then hardening_name.oid::regprocedure::text
    when 'table' then hardening_name.oid::regclass::text
    else quote_ident(hardening_name.name)
  end
$function$;
comment on function tenancy.hardening_name(text, oid, name) is 'internal: the name of such an object as a statement takes it';

-- Each right of PUBLIC that hardening takes away. open: PUBLIC has it now. keep: roles that are given it by name then.
create function tenancy.hardening_right()
  returns table (topic text, subject text, kind text, oid oid, object text, privilege text, open boolean, keep name[])
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
  with here (oid) as (select d.oid from pg_database d where d.datname = current_database()),
  named (topic, kind, pattern, keep) as (values
    ('signals', 'function', '^pg_(cancel|terminate)_backend$', array['pg_signal_backend', 'pg_database_owner']),
    ('large objects', 'function', '^(lo_(creat|create|open|close|lseek|lseek64|tell|tell64|truncate|truncate64|unlink|from_bytea|get|put)|loread|lowrite)$', array['pg_database_owner']),
    ('advisory locks', 'function', '^pg_(try_)?advisory_', array['pg_database_owner']),
    ('notifications', 'function', '^pg_notify$', array['pg_database_owner']),
    ('statements in text', 'function', '^((query|cursor|table|schema|database)_to_xml(schema|_and_xmlschema)?|ts_stat|ts_rewrite)$', array['pg_database_owner']),
    ('snapshots', 'function', '^pg_export_snapshot$', array['pg_database_owner', 'pg_read_all_data']),
    ('messages in the log of changes', 'function', '^pg_logical_emit_message$', array[]::text[]),
    ('sizes', 'function', '^pg_(relation|table|indexes|total_relation|database|tablespace)_size$', array['pg_database_owner', 'pg_read_all_stats']),
    ('activity', 'function', '^(pg_stat_get_(activity|backend_.*|progress_info|wal_senders|wal_receiver|subscription)|pg_lock_status|pg_blocking_pids|pg_safe_snapshot_blocking_pids)$', array['pg_database_owner', 'pg_read_all_stats']),
    ('activity', 'table', '^(pg_stat_(activity|ssl|gssapi|replication|wal_receiver|subscription|progress_.*)|pg_locks)$', array['pg_database_owner', 'pg_read_all_stats']),
    ('access statistics', 'function', '^pg_stat_get_((xact_)?(numscans|tuples_.*|blocks_.*|function_.*)|live_tuples|dead_tuples|mod_since_analyze|ins_since_vacuum|db_tuples_.*)$', array['pg_database_owner', 'pg_read_all_stats']),
    ('access statistics', 'table', '^pg_stat(io)?_(xact_)?((all|user|sys)_(tables|indexes|sequences)|user_functions|database)$', array['pg_database_owner', 'pg_read_all_stats']),
    ('statement statistics', 'function', '^pg_stat_statements(_info)?$', array['pg_read_all_stats']),
    ('statement statistics', 'table', '^pg_stat_statements(_info)?$', array['pg_read_all_stats'])
  ),
  system as materialized (
    select k.kind, o.* from (values ('function'), ('table')) as k (kind) cross join lateral tenancy.hardening_object(k.kind) o
     where o.name ~ (select string_agg(n.pattern, '|') from named n) -- one look at each of 3,000 functions instead of many
  ),
  wanted (topic, kind, oid, name, owner, acl, privilege, keep) as (
    select t.topic, 'database', o.oid, o.name, o.owner, o.acl, t.privilege, array[]::text[]
      from tenancy.hardening_object('database') o
      join here on here.oid = o.oid
     cross join (values ('temporary objects', 'temporary'), ('new schemas', 'create')) as t (topic, privilege)
    union all
    -- Whoever has a right or an object there by name belongs there, and keeps the right to connect.
    select case when o.oid = here.oid then 'connections' else 'connections to other databases' end,
           'database', o.oid, o.name, o.owner, o.acl, 'connect',
           array(select r.rolname::text from pg_roles r
                  where not r.rolsuper
                    and (r.rolname = 'pg_monitor'
                         or r.rolname !~ '^pg_' and r.oid in (select d.refobjid from pg_shdepend d where d.dbid = o.oid and d.refclassid = 'pg_authid'::regclass)
                         or o.oid = here.oid and r.rolname in ('tenancy_gateway', 'tenancy_operator')
                         -- A login that does not inherit gets nothing from the roles that it belongs to.
                         or o.oid = here.oid and r.rolcanlogin
                            and (pg_has_role(r.oid, 'tenancy_gateway', 'member') or pg_has_role(r.oid, 'tenancy_operator', 'member'))
                            and not pg_has_role(r.oid, 'tenancy_gateway', 'usage') and not pg_has_role(r.oid, 'tenancy_operator', 'usage')))
      from tenancy.hardening_object('database') o cross join here
    union all
    select 'new objects', 'schema', o.oid, o.name, o.owner, o.acl, 'create', array['pg_database_owner']
      from tenancy.hardening_object('schema') o
    union all
    select 'languages', 'language', o.oid, o.name, o.owner, o.acl, 'usage', array['pg_database_owner']
      from tenancy.hardening_object('language') o
    union all
    select n.topic, n.kind, o.oid, o.name, o.owner, o.acl, case n.kind when 'function' then 'execute' else 'select' end, n.keep
      from named n
      join system o on o.kind = n.kind and o.name ~ n.pattern
     where o.name <> 'ts_rewrite' or o.arguments = 2 -- the other one runs no statement
  )
  select w.topic,
         case when w.kind in ('function', 'table') then w.topic else format('%s %I', w.kind, w.name) end,
         w.kind, w.oid, tenancy.hardening_name(w.kind, w.oid, w.name), w.privilege, s.open,
         case when s.open
              then array(select r.rolname from pg_roles r
                          where r.rolname = any (w.keep) and r.oid <> w.owner
                            and not exists (select from aclexplode(w.acl) g where g.grantee = r.oid and lower(g.privilege_type) = w.privilege)
                          order by r.rolname)
              else '{}' end
    from wanted w
   cross join lateral (select exists (select from aclexplode(w.acl) g where g.grantee = 0 and lower(g.privilege_type) = w.privilege) as open) s
   -- Only the schema that everybody could write to before PostgreSQL 15 is worth a line when it is closed.
   where s.open or w.topic <> 'new objects' or w.name = 'public';
end
$function$;
comment on function tenancy.hardening_right() is 'internal: the rights of PUBLIC that tenancy.harden() takes away, and who keeps them by name';

-- The steps: what is taken in one statement, with what it stops and may break. by_harden: harden() makes it; the others are
-- about other applications' databases, where only their owner can judge.
create function tenancy.hardening_step()
  returns table (place integer, rule name, topic text, subject text, statement text, stops text, may_break text, done boolean, by_harden boolean)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
begin
  return query
  with topic (place, topic, rule, stops, may_break) as (values
    (1, 'temporary objects', 'temp_privilege',
     'a temporary table or type that one request leaves on a pooled connection stands in the place of the one that the next request means; temporary functions are a programming environment',
     'statements that make temporary tables, other than the database owner''s: grant temporary on the database to their role'),
    (2, 'new schemas', 'create_privilege',
     'a schema of the attacker''s own, with functions and operators that others'' statements then find',
     'logins that make their own schema; the database''s owner still can'),
    (3, 'new objects', 'create_privilege',
     'a function, operator or table that takes the place of the one that others'' statements mean',
     'migrations by others than the owner of the schema or the database: grant create on the schema to their role'),
    (4, 'connections', 'connect_to_other_databases',
     'every login of the cluster, those of other applications included, comes into this database and has what PUBLIC has',
     'logins without any right by name in this database, members of pg_read_all_data among them: grant connect on the database to them'),
    (5, 'connections to other databases', 'connect_to_other_databases',
     'a stolen login of the gateway works in a database that is not hardened: temporary objects, languages, signals to the sessions of its own role, their statements',
     'logins without any right by name in that database, such as tools that start in it: grant connect on it to them'),
    (6, 'languages', 'language_usage',
     'DO blocks and functions of the attacker''s own: loops, caught errors and timing, which turn a small leak into whole values',
     'functions and DO blocks by others than the database''s owner: grant usage on the language to their role; calling functions that are there needs no right'),
    (7, 'signals', 'public_system_function',
     'one tenant cancels or ends the statements of all others, whose sessions run as the same login',
     'applications and tools that call these functions: grant pg_signal_backend to their role; a client''s own cancel request needs none'),
    (8, 'large objects', 'public_system_function',
     'large objects have no tenant: one tenant''s upload is another''s to find, and fills the disk',
     'applications that store large objects: keep them in a bytea column of a protected table'),
    (9, 'advisory locks', 'public_system_function',
     'one tenant holds the locks that others'' jobs wait for, and signals to another tenant by them',
     'job queues and migration tools that lock, other than as the database''s owner: grant execute to their role'),
    (10, 'notifications', 'public_system_function',
     'forged messages to everybody who listens; the statement NOTIFY stays, refused only while a tenant context is set',
     'triggers that call pg_notify() in the statements of others than the database''s owner: make the trigger function SECURITY DEFINER with a pinned search_path'),
    (11, 'statements in text', 'public_system_function',
     'an injection in one expression runs whole statements of its own (query_to_xml, ts_stat and their kind), past filters that look at the statement',
     'reports that make XML out of queries or tables, other than the database owner''s'),
    (12, 'snapshots', 'public_system_function',
     'a snapshot held open keeps dead rows of all tenants from being cleaned away',
     'pg_dump --jobs by others than the database''s owner and members of pg_read_all_data'),
    (13, 'messages in the log of changes', 'public_system_function',
     'forged messages in the stream that subscribers and replicas of all tenants read',
     'outbox libraries that write messages into the log: grant execute to their role'),
    (14, 'sizes', 'public_system_function',
     'the size of a table or partition tells how much others have, and whether it grows',
     'psql''s \dt+, \di+ and \l+ and tools that show sizes, other than as the database''s owner or a member of pg_monitor'),
    (15, 'activity', 'activity_views_readable',
     'statements, addresses, locks and times of other tenants'' sessions, which run as the same login',
     'monitoring by a login that is no member of pg_monitor'),
    (16, 'access statistics', 'activity_views_readable',
     'counters of rows and index entries: a search and its counter tell which values others hold',
     'monitoring by a login that is no member of pg_monitor'),
    (17, 'statement statistics', 'activity_views_readable',
     'pg_stat_statements shows the statements of all tenants, with constants where a statement is a utility command',
     'monitoring by a login that is no member of pg_monitor')
  ),
  -- What is still open is taken; where nothing is, the step shows all that it is about.
  shown as (
    select r.*, bool_or(r.open) over (partition by r.topic, r.subject) as step_open from tenancy.hardening_right() r
  ),
  kept (topic, subject, kind, privilege, role, objects) as (
    select s.topic, s.subject, s.kind, s.privilege, k.role, string_agg(s.object, ', ' order by s.object)
      from shown s cross join unnest(s.keep) as k (role)
     group by s.topic, s.subject, s.kind, s.privilege, k.role
  ),
  piece (topic, subject, turn, piece) as (
    select k.topic, k.subject, 1,
           format('grant %s on %s %s to %s', k.privilege, k.kind, k.objects, string_agg(quote_ident(k.role), ', ' order by k.role))
      from kept k group by k.topic, k.subject, k.kind, k.privilege, k.objects
    union all
    select s.topic, s.subject, 2,
           format('revoke %s on %s %s from public', s.privilege, s.kind, string_agg(s.object, ', ' order by s.object))
      from shown s
     where s.open or not s.step_open group by s.topic, s.subject, s.kind, s.privilege
  )
  select t.place, t.rule::name, t.topic, p.subject, string_agg(p.piece, '; ' order by p.turn, p.piece), t.stops, t.may_break,
         not (select bool_or(s.open) from shown s where s.topic = p.topic and s.subject = p.subject),
         t.topic <> 'connections to other databases' or p.subject in ('database postgres', 'database template1')
    from piece p join topic t on t.topic = p.topic
   group by t.place, t.rule, t.topic, p.topic, p.subject, t.stops, t.may_break;
end
$function$;
comment on function tenancy.hardening_step() is 'internal: the steps of tenancy.harden(), which several rules of tenancy.check() ask, too';

create function tenancy.require_superuser(what text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if not (select r.rolsuper from pg_roles r where r.rolname = current_user) then
    raise exception using
      errcode = 'insufficient_privilege',
      message = format('permission denied to %s the database', what),
      hint = 'Let a superuser call it. The owner of the database may list the statements: select * from tenancy.harden().';
  end if;
end
$function$;
comment on function tenancy.require_superuser(text) is 'internal: refuses everybody else, with the way out';

create function tenancy.harden(apply boolean default false)
  returns table (statement text, stops text, may_break text, done boolean)
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
declare
  step text;
begin
  if apply then
    perform tenancy.require_superuser('harden');
    lock table tenancy.hardening in share row exclusive mode; -- one at a time
    insert into tenancy.hardening (kind, object, privilege, grantee, recorded_in)
    select r.kind, case r.kind when 'database' then r.oid::text else r.object end, r.privilege, g.grantee,
           (select d.oid from pg_database d where d.datname = current_database())
      from tenancy.hardening_right() r
      join tenancy.hardening_step() s on s.topic = r.topic and s.subject = r.subject and s.by_harden
     cross join unnest(r.keep || 'public'::name) as g (grantee)
     where r.open
    on conflict on constraint hardening_pkey do update
      set recorded_in = excluded.recorded_in, recorded_by = excluded.recorded_by, recorded_at = excluded.recorded_at;
    for step in select s.statement from tenancy.hardening_step() s where s.by_harden and not s.done order by s.place, s.subject loop
      execute step;
    end loop;
  end if;
  return query
    select s.statement, s.stops, s.may_break, s.done from tenancy.hardening_step() s where s.by_harden order by s.place, s.subject;
end
$function$;
comment on function tenancy.harden(boolean) is
  'lists what PostgreSQL gives to everybody and isolation is better without: the statement, what it stops, what it may break, whether it is done; harden(true) makes the changes, soften() takes them back';

create function tenancy.soften() returns table (statement text)
  language plpgsql volatile parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
begin
  perform tenancy.require_superuser('soften');
  lock table tenancy.hardening in share row exclusive mode;
  -- The notes only point to objects: the names in the statements are the catalog's, never a note's text. A copy made with
  -- CREATE DATABASE … TEMPLATE has notes of rights on the database it was made of, which are not its to change.
  for statement in
    select case h.grantee when 'public' then format('grant %s on %s %s to public', h.privilege, h.kind, o.object)
                          else format('revoke %s on %s %s from %I', h.privilege, h.kind, o.object, h.grantee) end
      from tenancy.hardening h
      join (select k.kind, o.*, tenancy.hardening_name(k.kind, o.oid, o.name) as object
              from unnest(array['database', 'schema', 'language', 'function', 'table']) as k (kind) cross join lateral tenancy.hardening_object(k.kind) o) o
        on o.kind = h.kind and case o.kind when 'database' then o.oid::text else o.object end = h.object
      left join pg_roles r on r.rolname = h.grantee
     where (h.kind <> 'database' or h.recorded_in = (select d.oid from pg_database d where d.datname = current_database()))
       and (h.grantee = 'public') <> exists (select from aclexplode(o.acl) g
                                              where g.grantee = case h.grantee when 'public' then 0::oid else r.oid end
                                                and lower(g.privilege_type) = h.privilege)
     order by (h.grantee = 'public') desc, h.kind, o.object, h.privilege, h.grantee
  loop
    execute statement;
    return next;
  end loop;
  delete from tenancy.hardening;
end
$function$;
comment on function tenancy.soften() is 'takes back what tenancy.harden(true) changed, and nothing else; tells the statements it ran';

revoke execute on function
  tenancy.hardening_object(text), tenancy.hardening_name(text, oid, name), tenancy.hardening_right(), tenancy.hardening_step(),
  tenancy.require_superuser(text), tenancy.harden(boolean), tenancy.soften()
from public;
-- Listing runs with the caller's rights and reads what everybody may read.
grant execute on function
  tenancy.hardening_object(text), tenancy.hardening_name(text, oid, name), tenancy.hardening_right(), tenancy.hardening_step(),
  tenancy.require_superuser(text),
  tenancy.harden(boolean), tenancy.soften()
to pg_database_owner;
