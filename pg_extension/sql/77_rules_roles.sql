-- Rules: what may the roles do whose statements an attacker may write, and what can they become?

-- Grantees whose rights an attacker has. Superusers have every right; rules of their own tell who reaches one.
create view tenancy.exposed_grantee as
  select 0::pg_catalog.oid as oid, 'public'::pg_catalog.text as name
  union all
  select r.oid, pg_catalog.quote_ident(r.rolname)
    from pg_catalog.pg_roles r
   where not r.rolsuper and r.oid in (select reachable.role from tenancy.reachable_role reachable);
comment on view tenancy.exposed_grantee is 'internal: PUBLIC and the roles whose rights an attacker has, as a statement names them';
comment on column tenancy.exposed_grantee.oid is 'internal: the role; 0 for PUBLIC';
comment on column tenancy.exposed_grantee.name is 'internal: its name, quoted where it must be, or public';
revoke all on tenancy.exposed_grantee from public;

-- Rights of exposed grantees to protected tables and their columns; the owner's own are none of these.
create view tenancy.exposed_right as
  select p.relation, p.relowner, p.kind, null::pg_catalog.name as column_name, g.grantee, e.name as grantee_name, g.grantor, g.privilege_type as privilege
    from tenancy.protection p
    join pg_catalog.pg_class c on c.oid = p.relation
   cross join lateral pg_catalog.aclexplode(c.relacl) g
    join tenancy.exposed_grantee e on e.oid = g.grantee
   where g.grantee <> p.relowner
  union all
  select p.relation, p.relowner, p.kind, a.attname, g.grantee, e.name, g.grantor, g.privilege_type
    from tenancy.protection p
    join pg_catalog.pg_attribute a on a.attrelid = p.relation and a.attacl is not null and not a.attisdropped
   cross join lateral pg_catalog.aclexplode(a.attacl) g
    join tenancy.exposed_grantee e on e.oid = g.grantee
   where g.grantee <> p.relowner;
comment on view tenancy.exposed_right is 'internal: rights of exposed grantees to protected tables and their columns';
comment on column tenancy.exposed_right.relation is 'internal: protected table';
comment on column tenancy.exposed_right.relowner is 'internal: its owner';
comment on column tenancy.exposed_right.kind is 'internal: tenant or reference, as in tenancy.protection';
comment on column tenancy.exposed_right.column_name is 'internal: column; NULL for a right to the whole table';
comment on column tenancy.exposed_right.grantee is 'internal: who has the right; 0 for PUBLIC';
comment on column tenancy.exposed_right.grantee_name is 'internal: the grantee as a statement names it';
comment on column tenancy.exposed_right.grantor is 'internal: who has given it';
comment on column tenancy.exposed_right.privilege is 'internal: the right, in capitals';
revoke all on tenancy.exposed_right from public;

-- A superuser's REVOKE takes what the owner has granted; what somebody else has granted is his to take.
create function tenancy.revoke_statement(rights text, object text, grantee text, grantor oid, owner oid) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select case when grantor = owner then format('revoke %s on %s from %s', rights, object, grantee)
              else format('set role %I; revoke %s on %s from %s cascade; reset role', pg_get_userbyid(grantor), rights, object, grantee) end
$function$;
comment on function tenancy.revoke_statement(text, text, text, oid, oid) is 'internal: the statement that takes a right away which this grantor has given';
revoke execute on function tenancy.revoke_statement(text, text, text, oid, oid) from public;

-- The findings about some rights to protected tables, one for each table and grantee.
create function tenancy.findings_of_rights(privileges text[], gain text) returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('%s for %s', r.relation, r.grantee_name),
         format(findings_of_rights.gain, r.grantee_name, r.relation),
         string_agg(r.mend, '; ')
    from (select r.relation, r.grantee_name,
                 tenancy.revoke_statement(string_agg(r.right_text, ', ' order by r.right_text), r.relation::text, r.grantee_name, r.grantor, r.relowner) as mend
            from (select r.*, lower(r.privilege) || coalesce(' (' || quote_ident(r.column_name) || ')', '') as right_text from tenancy.exposed_right r
                   where r.privilege = any (findings_of_rights.privileges)) r
           group by r.relation, r.relowner, r.grantee_name, r.grantor) r
   group by r.relation, r.grantee_name
$function$;
comment on function tenancy.findings_of_rights(text[], text) is 'internal: findings about some rights of exposed grantees to protected tables';
revoke execute on function tenancy.findings_of_rights(text[], text) from public;

select tenancy.define_rule('truncate_granted', 'critical', 'TRUNCATE on a protected table in an attacker''s reach');
create function tenancy.rule_truncate_granted() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.* from tenancy.findings_of_rights(array['TRUNCATE'],
    '%s empties %s of the rows of all tenants: row security does not ask TRUNCATE') f
$function$;

select tenancy.define_rule('trigger_or_references_granted', 'critical', 'TRIGGER or REFERENCES on a protected table in an attacker''s reach');
create function tenancy.rule_trigger_or_references_granted() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.* from tenancy.findings_of_rights(array['TRIGGER', 'REFERENCES'],
    '%s puts a trigger on %s that runs in the statements of every tenant and sees their rows, or a foreign key that tells which keys exist') f
$function$;

select tenancy.define_rule('maintain_granted', 'medium', 'MAINTAIN on a protected table in an attacker''s reach');
create function tenancy.rule_maintain_granted() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.* from tenancy.findings_of_rights(array['MAINTAIN'],
    '%s locks %s for all tenants, to cluster and reindex it as often as it likes, and since PostgreSQL 18 writes statistics of its own making for it') f
$function$;

select tenancy.define_rule('public_grant_on_protected', 'high', 'a protected table granted to everybody');
create function tenancy.rule_public_grant_on_protected() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select r.relation::text,
         format('every login of the database has a right to %s, also those that should know nothing of it: a policy is then all that is between them and its rows', r.relation),
         string_agg(r.mend, '; ')
    from (select r.relation,
                 tenancy.revoke_statement(string_agg(lower(r.privilege) || coalesce(' (' || quote_ident(r.column_name) || ')', ''), ', ' order by r.privilege, r.column_name),
                                          r.relation::text, 'public', r.grantor, r.relowner) as mend
            from tenancy.exposed_right r
           -- TRUNCATE, TRIGGER and REFERENCES are worse and have their own rules.
           where r.grantee = 0 and r.kind = 'tenant' and r.privilege in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
           group by r.relation, r.relowner, r.grantor) r
   group by r.relation
$function$;

-- The direct memberships through which somebody outside of the exposed roles is reached. A role that is exposed itself
-- and can become more has rows of its own.
create view tenancy.exposed_step as
  with recursive step (member, role) as (
    select m.member, m.role from tenancy.membership m where m.gives_role or m.may_grant
    union
    select d.datdba, r.oid from pg_catalog.pg_database d, pg_catalog.pg_roles r
     where d.datname = pg_catalog.current_database() and r.rolname = 'pg_database_owner'
  ),
  way (exposed, first, role) as (
    select e.oid, s.role, s.role
      from tenancy.exposed_role e join step s on s.member = e.oid
     where s.role not in (select x.oid from tenancy.exposed_role x)
    union
    select way.exposed, way.first, s.role from way join step s on s.member = way.role
  )
  select w.exposed, e.name as exposed_name, w.first, pg_catalog.pg_get_userbyid(w.first) as first_name, w.role
    from way w join tenancy.exposed_role e on e.oid = w.exposed
   -- Nobody is made a member of pg_database_owner or taken out of it: its member is the owner of the database.
   where pg_catalog.pg_get_userbyid(w.first) <> 'pg_database_owner';
comment on view tenancy.exposed_step is 'internal: what an exposed role can become, and the direct membership by which it does';
comment on column tenancy.exposed_step.exposed is 'internal: exposed role';
comment on column tenancy.exposed_step.exposed_name is 'internal: its name';
comment on column tenancy.exposed_step.first is 'internal: role that it is a direct member of, itself not exposed';
comment on column tenancy.exposed_step.first_name is 'internal: its name';
comment on column tenancy.exposed_step.role is 'internal: role that is reached by way of it, or the same';
revoke all on tenancy.exposed_step from public;

-- One object at a time, to the owner of the database where he is not exposed himself. Since PostgreSQL 17 REASSIGN OWNED also
-- rewrites what the server keeps of the rights that an extension gave, which extension_right_granted relies on: it is for
-- what has no ALTER … OWNER TO of this form.
create function tenancy.give_away_statement(class oid, object oid, owner name) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format(case when o.type in ('table', 'view', 'materialized view', 'foreign table', 'sequence', 'type', 'function', 'procedure', 'aggregate',
                                     'schema', 'database', 'large object', 'collation', 'domain')
                     then 'alter ' || o.type || ' ' || replace(o.identity, '%', '%%') || ' owner to %2$I' else 'reassign owned by %1$I to %2$I' end,
                owner,
                case when d.datdba in (select x.oid from tenancy.exposed_role x) then pg_get_userbyid(10) else pg_get_userbyid(d.datdba) end)
    from pg_database d cross join pg_identify_object(class, object, 0) o
   where d.datname = current_database()
$function$;
comment on function tenancy.give_away_statement(oid, oid, name) is 'internal: the statement that takes an object from its owner';
revoke execute on function tenancy.give_away_statement(oid, oid, name) from public;

select tenancy.define_rule('dangerous_role_attribute', 'critical', 'an exposed role that is or can become one with SUPERUSER, BYPASSRLS, CREATEROLE or REPLICATION');
create function tenancy.rule_dangerous_role_attribute() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with dangerous (oid, name, attributes, removal) as (
    select r.oid, r.rolname,
           concat_ws(', ', case when r.rolsuper then 'SUPERUSER' end, case when r.rolbypassrls then 'BYPASSRLS' end,
                     case when r.rolcreaterole then 'CREATEROLE' end, case when r.rolreplication then 'REPLICATION' end),
           concat_ws(' ', case when r.rolsuper then 'nosuperuser' end, case when r.rolbypassrls then 'nobypassrls' end,
                     case when r.rolcreaterole then 'nocreaterole' end, case when r.rolreplication then 'noreplication' end)
      from pg_roles r where r.rolsuper or r.rolbypassrls or r.rolcreaterole or r.rolreplication
  )
  -- A superuser is not listed as exposed, but the extension's own roles must not be one.
  select format('role %I', d.name),
         format('statements that run as %I have %s: they pass row security or become somebody who does', d.name, d.attributes),
         format('alter role %I %s', d.name, d.removal)
    from dangerous d
   where d.oid in (select e.oid from tenancy.exposed_role e) or d.name in ('tenancy_user', 'tenancy_admin', 'tenancy_gateway')
  union all
  select format('role %I, which can become %I', s.exposed_name, d.name),
         format('SET ROLE takes statements of %I to %I, which has %s: they pass row security or become somebody who does', s.exposed_name, d.name, d.attributes),
         string_agg(tenancy.revoke_role_statement(s.first, s.exposed), '; ' order by s.first_name)
    from tenancy.exposed_step s join dangerous d on d.oid = s.role
   group by s.exposed_name, d.name, d.attributes
$function$;

select tenancy.define_rule('reaches_owner_or_predefined_role', 'critical', 'an exposed role that can become an owner, an operator or a powerful predefined role');
create function tenancy.rule_reaches_owner_or_predefined_role() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with powerful (oid, power) as (
    select o.owner, string_agg(distinct o.power, '; ')
      from (select p.relowner, 'takes the policies off protected tables that it owns' from tenancy.protection p
            union all
            select n.nspowner, 'renames and drops protected tables in a schema that it owns, or puts others in their place'
              from pg_namespace n
             where n.oid in (select c.relnamespace from tenancy.protection p join pg_class c on c.oid = p.relation)
            union all
            select d.datdba, 'switches the seal off for the database that it owns' from pg_database d where d.datname = current_database()
           ) as o (owner, power)
     group by o.owner
    union all
    select r.oid, named.power
      from (values
        ('tenancy_operator', 'sees all tenants by tenancy.bypass()'),
        ('pg_read_all_data', 'reads every table, password hashes and sessions among them'),
        ('pg_write_all_data', 'writes every table, the directory of accounts among them'),
        ('pg_execute_server_program', 'runs programs on the server as the user that owns all data files'),
        ('pg_read_server_files', 'reads the files of the server, data files among them'),
        ('pg_write_server_files', 'writes the files of the server, data files and libraries among them'),
        ('pg_signal_backend', 'ends the sessions of others'),
        ('pg_monitor', 'reads the statements that others run, and all statistics'),
        ('pg_read_all_stats', 'reads the statements that others run, and all statistics'),
        ('pg_read_all_settings', 'reads settings that are for superusers'),
        ('pg_stat_scan_tables', 'runs monitoring functions that lock the tables of all tenants'),
        ('pg_maintain', 'locks, clusters and vacuums the tables of all tenants'),
        ('pg_create_subscription', 'lets the server connect to others and apply what they send'),
        ('pg_use_reserved_connections', 'takes the connections that are kept for operators'),
        ('pg_signal_autovacuum_worker', 'stops the cleaning of tables again and again')
      ) as named (role, power)
      join pg_roles r on r.rolname = named.role
  )
  -- The power of an owner is one's own, too.
  select format('role %I', e.name),
         format('statements that run as %I have its power: it %s', e.name, p.power),
         case when e.name in ('tenancy_user', 'tenancy_admin', 'tenancy_gateway')
              then (select string_agg(tenancy.give_away_statement(s.classid, s.objid, e.name), '; ' order by s.classid, s.objid)
                      from pg_shdepend s
                     where s.refclassid = 'pg_authid'::regclass and s.refobjid = e.oid and s.deptype = 'o' and s.dbid in (0, d.oid) and s.objsubid = 0)
              else (select string_agg(tenancy.revoke_role_statement(m.role, e.oid), '; ' order by m.name)
                      from (select distinct m.role, x.name from tenancy.membership m join tenancy.exposed_role x on x.oid = m.role where m.member = e.oid) m) end
    from tenancy.exposed_role e
    join powerful p on p.oid = e.oid
    join pg_database d on d.datname = current_database()
  union all
  select format('role %I, which can become %I', s.exposed_name, r.rolname),
         format('SET ROLE takes statements of %I to %I: it %s', s.exposed_name, r.rolname, p.power),
         string_agg(tenancy.revoke_role_statement(s.first, s.exposed), '; ' order by s.first_name)
    from tenancy.exposed_step s
    join powerful p on p.oid = s.role
    join pg_roles r on r.oid = s.role
   where not r.rolsuper
     -- Parts of pg_monitor go without saying where that is reached.
     and not (r.rolname in ('pg_read_all_stats', 'pg_read_all_settings', 'pg_stat_scan_tables')
              and exists (select from tenancy.exposed_step m where m.exposed = s.exposed and m.first = s.first and pg_get_userbyid(m.role) = 'pg_monitor'))
     -- That the owner of the database is a member of pg_database_owner as well.
     and r.rolname <> 'pg_database_owner'
   group by s.exposed_name, r.rolname, p.power
$function$;

select tenancy.define_rule('powerful_login_role_can_become_app', 'critical', 'a superuser''s login that is used as the application''s');
create function tenancy.rule_powerful_login_role_can_become_app() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive app (oid) as (
    select r.oid from pg_roles r where r.rolname in ('tenancy_user', 'tenancy_admin', 'tenancy_gateway')
    union
    select m.member from tenancy.membership m join app on m.role = app.oid
     where m.gives_role and m.member <> (select r.oid from pg_roles r where r.rolname = 'tenancy_operator')
  )
  -- Other powers have rules that list the role as exposed; superusers pass every test of membership, so they are found by name.
  select format('role %I', r.rolname),
         format('an application that signs in as %I and works as the roles of tenancy is one RESET ROLE away from being superuser', r.rolname),
         string_agg(tenancy.revoke_role_statement(m.role, r.oid), '; ' order by pg_get_userbyid(m.role))
    from pg_roles r
    join (select distinct m.member, m.role from tenancy.membership m where m.gives_role) m on m.member = r.oid and m.role in (select app.oid from app)
   where r.rolsuper and r.rolcanlogin
   group by r.rolname
$function$;

select tenancy.define_rule('app_role_owns_objects', 'high', 'an exposed role that owns objects');
create function tenancy.rule_app_role_owns_objects() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select pg_describe_object(s.classid, s.objid, 0),
         format('statements that run as its owner %I change or replace it, for all tenants', e.name),
         tenancy.give_away_statement(s.classid, s.objid, e.name)
    from tenancy.exposed_role e
    join pg_shdepend s on s.refclassid = 'pg_authid'::regclass and s.refobjid = e.oid and s.deptype = 'o'
    join pg_database d on d.datname = current_database() and d.oid = s.dbid
   where s.objsubid = 0
     -- Temporary objects end with their session.
     and not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                      where s.classid = 'pg_class'::regclass and c.oid = s.objid and n.nspname like 'pg\_%temp\_%')
     and not exists (select from pg_proc f join pg_namespace n on n.oid = f.pronamespace
                      where s.classid = 'pg_proc'::regclass and f.oid = s.objid and n.nspname like 'pg\_%temp\_%')
     and not exists (select from pg_type t join pg_namespace n on n.oid = t.typnamespace
                      where s.classid = 'pg_type'::regclass and t.oid = s.objid and n.nspname like 'pg\_%temp\_%')
     -- An owner of protected tables, of their schema or of the database is found by reaches_owner_or_predefined_role.
     and e.oid <> d.datdba
     and e.oid not in (select p.relowner from tenancy.protection p)
     and e.oid not in (select n.nspowner from pg_namespace n join pg_class c on c.relnamespace = n.oid join tenancy.protection p on p.relation = c.oid)
$function$;

-- ---------------------------------------------------------------- rights in the database that hardening is about, too
select tenancy.define_rule('create_privilege', 'critical', 'CREATE on a schema or the database in an attacker''s reach');
create function tenancy.rule_create_privilege() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select s.subject, s.stops, s.statement from tenancy.hardening_step() s where s.rule = 'create_privilege' and not s.done
  union all
  select f.* from tenancy.findings_by_name('schema', 'CREATE', '%s makes functions, operators and tables in %s that take the place of those that others'' statements mean') f
  union all
  select f.* from tenancy.findings_by_name('database', 'CREATE', '%s makes a schema of its own in %s, with functions and operators that others'' statements then find') f
$function$;

-- The same rights given by name to an exposed role: harden() takes from PUBLIC only.
create function tenancy.findings_by_name(kind text, privilege text, gain text) returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('%s for %s', n.subject, e.name),
         format(findings_by_name.gain, e.name, n.subject),
         string_agg(tenancy.revoke_statement(lower(g.privilege_type), n.subject, e.name, g.grantor, o.owner), '; ' order by g.grantor)
    from tenancy.hardening_object(findings_by_name.kind) o
   cross join lateral (select format('%s %I', findings_by_name.kind, o.name)) as n (subject)
   cross join lateral aclexplode(o.acl) g
    join tenancy.exposed_grantee e on e.oid = g.grantee
   where g.privilege_type = findings_by_name.privilege
     and g.grantee not in (0, o.owner)
     and (findings_by_name.kind <> 'database' or o.name = current_database())
   group by n.subject, e.name
$function$;
comment on function tenancy.findings_by_name(text, text, text) is 'internal: findings about a right to a schema, database or language that an exposed role has by name';
revoke execute on function tenancy.findings_by_name(text, text, text) from public;

select tenancy.define_rule('temp_privilege', 'high', 'temporary objects in an attacker''s reach');
create function tenancy.rule_temp_privilege() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select s.subject, s.stops, s.statement from tenancy.hardening_step() s where s.rule = 'temp_privilege' and not s.done
  union all
  select f.* from tenancy.findings_by_name('database', 'TEMPORARY', '%s leaves temporary tables, types and functions in %s on a pooled connection, in the place of those that the next request means') f
$function$;

select tenancy.define_rule('language_usage', 'high', 'a procedural language in an attacker''s reach');
create function tenancy.rule_language_usage() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select s.subject, s.stops, s.statement from tenancy.hardening_step() s where s.rule = 'language_usage' and not s.done
  union all
  select f.* from tenancy.findings_by_name('language', 'USAGE', '%s writes DO blocks and functions in %s: loops, caught errors and timing turn a small leak into whole values') f
$function$;

select tenancy.define_rule('public_system_function', 'medium', 'system functions that reach across tenants, callable by everybody');
create function tenancy.rule_public_system_function() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('functions: %s', s.subject), s.stops, s.statement
    from tenancy.hardening_step() s where s.rule = 'public_system_function' and not s.done
  union all
  -- What the server keeps from PUBLIC from the start (pg_read_file, lo_import and the like), given away later.
  select format('function %s for %s', p.oid::regprocedure, e.name),
         format('%s calls a function that PostgreSQL keeps for superusers, such as to read the files of the server', e.name),
         string_agg(tenancy.revoke_statement('execute', format('function %s', p.oid::regprocedure), e.name, g.grantor, p.proowner), '; ' order by g.grantor)
    from pg_proc p
    join pg_init_privs i on i.classoid = 'pg_proc'::regclass and i.objoid = p.oid and i.objsubid = 0 and i.privtype = 'i'
   cross join lateral aclexplode(p.proacl) g
    join tenancy.exposed_grantee e on e.oid = g.grantee
   where p.pronamespace = 'pg_catalog'::regnamespace and p.proacl <> i.initprivs and g.grantee <> p.proowner
     and not exists (select from aclexplode(i.initprivs) before where before.grantee in (0, g.grantee))
   group by p.oid, e.name
$function$;

select tenancy.define_rule('activity_views_readable', 'medium', 'statements and counters of others, readable by everybody');
create function tenancy.rule_activity_views_readable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('views: %s', s.subject), s.stops, s.statement
    from tenancy.hardening_step() s where s.rule = 'activity_views_readable' and not s.done
$function$;

select tenancy.define_rule('connect_to_other_databases', 'medium', 'logins that come into databases which are not theirs');
create function tenancy.rule_connect_to_other_databases() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select s.subject, s.stops, s.statement
    from tenancy.hardening_step() s
   where s.rule = 'connect_to_other_databases' and not s.done
     and (s.topic = 'connections' or exists (select from tenancy.exposed_role e where e.can_login))
$function$;

-- ---------------------------------------------------------------- what will be granted
select tenancy.define_rule('default_privileges', 'high', 'default privileges that give new objects to exposed roles');
create function tenancy.rule_default_privileges() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('default privileges of %I%s for %s on %s', pg_get_userbyid(a.defaclrole), k.place, e.name, k.objects),
         format('what %I makes next is %s''s from the first moment, before anybody protects it: %s on %s', pg_get_userbyid(a.defaclrole), e.name,
                string_agg(lower(g.privilege_type), ', ' order by g.privilege_type), k.objects),
         format('alter default privileges for role %I%s revoke %s on %s from %s', pg_get_userbyid(a.defaclrole), k.place,
                string_agg(lower(g.privilege_type), ', ' order by g.privilege_type), k.objects, e.name)
    from pg_default_acl a
    left join pg_namespace n on n.oid = a.defaclnamespace
   cross join lateral (select case when n.oid is null then '' else format(' in schema %I', n.nspname) end,
                              case a.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'n' then 'schemas' end) as k (place, objects)
   cross join lateral aclexplode(a.defaclacl) g
    join tenancy.exposed_grantee e on e.oid = g.grantee
   where g.grantee <> a.defaclrole
     -- USAGE of sequences lets a serial column count, and shows nothing of rows.
     and (a.defaclobjtype = 'r' or a.defaclobjtype = 'S' and g.privilege_type = 'UPDATE' or a.defaclobjtype = 'n' and g.privilege_type = 'CREATE')
   group by a.defaclrole, k.place, e.name, k.objects
$function$;

-- Against what the extension gave when it was made, which the server keeps.
select tenancy.define_rule('extension_right_granted', 'critical', 'a right to an object of this extension that it does not give by itself');
-- What an application may open to its admins: each of these asks for a bypass context itself, see docs/operators.md.
create function tenancy.is_for_admins(object text, privilege text) returns boolean
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$
  select privilege = 'EXECUTE' and object in ('routine tenancy.suspend(text,text)', 'routine tenancy.resume(text)',
                                              'routine tenancy.session_counts()', 'routine tenancy.start_isolation_run()')
      or privilege = 'SELECT' and object in ('table tenancy.suspensions', 'table tenancy.audit_log',
                                             'table tenancy.isolation_runs', 'table tenancy.isolation_results')
$function$;
comment on function tenancy.is_for_admins(text, text) is 'internal: whether an application may grant this right to tenancy_admin';
revoke execute on function tenancy.is_for_admins(text, text) from public;

create function tenancy.rule_extension_right_granted() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with member as materialized (
    select d.classid, d.objid
      from pg_depend d join pg_extension x on x.oid = d.refobjid and x.extname = 'tenancy'
     where d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'
  ), object (classid, oid, attnum, spoken, column_name, owner, acl, given) as (
    select m.classid, c.oid, 0, format('%s %s', case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass), null::name, c.relowner,
           c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)
      from member m join pg_class c on m.classid = 'pg_class'::regclass and c.oid = m.objid
    union all
    select m.classid, c.oid, a.attnum, format('table %s', c.oid::regclass), a.attname, c.relowner, a.attacl, null
      from member m join pg_class c on m.classid = 'pg_class'::regclass and c.oid = m.objid
      join pg_attribute a on a.attrelid = c.oid and a.attacl is not null
    union all
    select m.classid, p.oid, 0, format('routine %s', p.oid::regprocedure), null, p.proowner, p.proacl, acldefault('f', p.proowner)
      from member m join pg_proc p on m.classid = 'pg_proc'::regclass and p.oid = m.objid
  )
  select format('%s for %s', o.spoken, e.name),
         format('%s gets at what holds the context, the sessions or the protection together: who writes a session is signed in as anybody', e.name),
         string_agg(tenancy.revoke_statement(lower(g.privilege_type) || coalesce(' (' || quote_ident(o.column_name) || ')', ''), o.spoken, e.name, g.grantor, o.owner), '; '
                    order by o.attnum, g.privilege_type)
    from object o
   cross join lateral aclexplode(o.acl) g
    join tenancy.exposed_grantee e on e.oid = g.grantee
    left join pg_init_privs i on i.classoid = o.classid and i.objoid = o.oid and i.objsubid = o.attnum
   where g.grantee <> o.owner
     and not exists (select from aclexplode(coalesce(i.initprivs, o.given)) b where b.grantee = g.grantee and b.privilege_type = g.privilege_type)
     and not (e.name = 'tenancy_admin' and not g.is_grantable and o.attnum = 0 and tenancy.is_for_admins(o.spoken, g.privilege_type))
   group by o.spoken, e.name
$function$;
