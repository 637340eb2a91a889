-- Rules: how is the server set up, and who comes in by which door? They read settings and the server's own files, which
-- check() may because it runs as the extension's owner.

-- The first minor release of each major one that has all fixes of row security known today: those of 2026-11-12.
-- Majors before the first of the list get no more fixes. The one place to change when there are newer ones.
create function tenancy.fixed_release() returns table (major integer, fixed integer)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $function$ values (14, 25), (15, 20), (16, 16), (17, 12), (18, 6) $function$;
comment on function tenancy.fixed_release() is 'internal: first minor release of each major one without known holes in row security';

-- What is wrong with the release of this number; NULL when nothing is known to be.
create function tenancy.release_trouble(version_num integer) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select case
    when version_num / 10000 < (select min(f.major) from tenancy.fixed_release() f)
      then format('PostgreSQL %s gets no more fixes: update to %s', version_num / 10000,
                  (select format('%s.%s or newer', f.major, f.fixed) from tenancy.fixed_release() f where f.major = 15))
    else (select format('PostgreSQL %s.%s has known holes in row security: update to %s.%s or newer', f.major, version_num % 10000, f.major, f.fixed)
            from tenancy.fixed_release() f where f.major = version_num / 10000 and version_num % 10000 < f.fixed)
  end
$function$;
comment on function tenancy.release_trouble(integer) is 'internal: what is wrong with a release of PostgreSQL; NULL when nothing is known';
revoke execute on function tenancy.fixed_release(), tenancy.release_trouble(integer) from public;

select tenancy.define_rule('server_minor_below_known_fixes', 'critical', 'a server with known holes in row security');
create function tenancy.rule_server_minor_below_known_fixes() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('server %s', current_setting('server_version')),
         'whoever can run a query sees hidden rows through faults of the server itself, below anything that policies can do',
         format('-- %s', t.trouble)
    from (select tenancy.release_trouble(current_setting('server_version_num')::integer) as trouble) t
   where t.trouble is not null
$function$;

-- Settings stored with the database or a role, one row each; role NULL: for all roles, database NULL: in all databases.
-- Those of exposed roles, and those for all roles.
create view tenancy.stored_setting as
  select r.rolname as role, d.datname as database, pg_catalog.split_part(c.entry, '=', 1) as name,
         pg_catalog.substr(c.entry, pg_catalog.strpos(c.entry, '=') + 1) as value
    from pg_catalog.pg_db_role_setting s
   cross join lateral pg_catalog.unnest(s.setconfig) as c (entry)
    left join pg_catalog.pg_roles r on r.oid = s.setrole
    left join pg_catalog.pg_database d on d.oid = s.setdatabase
   where (s.setdatabase = 0 or d.datname = pg_catalog.current_database())
     and (s.setrole = 0 or s.setrole in (select e.oid from tenancy.exposed_role e));
comment on view tenancy.stored_setting is 'internal: settings that ALTER DATABASE and ALTER ROLE … SET have stored for this database, for all roles and for exposed ones';
comment on column tenancy.stored_setting.role is 'internal: role that it is stored for; NULL: all';
comment on column tenancy.stored_setting.database is 'internal: database that it is stored for; NULL: all';
comment on column tenancy.stored_setting.name is 'internal: name of the setting';
comment on column tenancy.stored_setting.value is 'internal: its value';
revoke all on tenancy.stored_setting from public;

-- What a setting is for everybody who connects to this database: stored with it, or else the server's. What the server
-- says is what it said when this session began.
create function tenancy.setting_here(name text) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select coalesce((select s.value from tenancy.stored_setting s where s.role is null and s.name = setting_here.name
                    order by s.database nulls last limit 1),
                  (select p.reset_val from pg_settings p where p.name = setting_here.name))
$function$;
comment on function tenancy.setting_here(text) is 'internal: the value of a setting for who connects to this database';
revoke execute on function tenancy.setting_here(text) from public;

select tenancy.define_rule('role_or_database_settings', 'high', 'stored settings of a role or the database that weaken isolation');
create function tenancy.rule_role_or_database_settings() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with path as (
    select s.role, s.database, s.name, s.value, btrim(part.name, ' "') as schema, part.place
      from tenancy.stored_setting s cross join lateral string_to_table(s.value, ',') with ordinality as part (name, place)
     where s.name = 'search_path'
  ),
  weak (role, database, name, gain) as (
    select s.role, s.database, s.name, 'the transaction of a tenant is not sealed: LOCK TABLE, LISTEN, DO, temporary objects and EXPLAIN ANALYZE run in it'
      from tenancy.stored_setting s where s.name = 'tenancy.seal' and s.value in ('off', 'false', 'no', '0')
    union all
    select s.role, s.database, s.name, 'triggers and foreign keys do not fire: rows are written that the schema forbids, such as children of another tenant''s parent'
      from tenancy.stored_setting s where s.name = 'session_replication_role' and s.value <> 'origin'
    union all
    select s.role, s.database, s.name, 'large objects have no rights any more: every role reads and writes all of them'
      from tenancy.stored_setting s where s.name = 'lo_compat_privileges' and s.value in ('on', 'true', 'yes', '1')
    union all
    select s.role, s.database, s.name, 'a library of their choice is loaded into the server''s process of each session that has this setting'
      from tenancy.stored_setting s
     where s.name in ('session_preload_libraries', 'local_preload_libraries') and s.role is not null
       and s.value !~ '^[\s"]*(\$libdir/)?tenancy[\s"]*$' and s.value <> ''
    union all
    select p.role, p.database, p.name, 'functions and operators of another schema are found before those of PostgreSQL, which are named without a schema everywhere'
      from path p where p.schema = 'pg_catalog' and p.place > 1
    union all
    select p.role, p.database, p.name, format('names are looked for in schema %I, where an attacker may make objects that take the place of others', p.schema)
      from path p
     where exists (select from tenancy.hardening_object('schema') o cross join lateral aclexplode(o.acl) g join tenancy.exposed_grantee e on e.oid = g.grantee
                    where o.name = p.schema and g.privilege_type = 'CREATE' and g.grantee <> o.owner)
  )
  select format('%s: %s', t.target, w.name), min(w.gain), format('alter %s reset %I', t.target, w.name)
    from weak w
   cross join lateral (select case when w.role is null then format('database %I', w.database)
                                   when w.database is null then format('role %I', w.role)
                                   else format('role %I in database %I', w.role, w.database) end) as t (target)
   where w.role is not null or w.database is not null
   group by t.target, w.name
  union all
  -- ALTER ROLE ALL SET, for all roles of the cluster.
  select format('role all: %s', w.name), min(w.gain), format('alter role all reset %I', w.name)
    from weak w where w.role is null and w.database is null
   group by w.name
$function$;

select tenancy.define_rule('parameter_grant', 'high', 'a right to set server parameters in an attacker''s reach');
-- plpgsql: the catalog is there since PostgreSQL 15, and is looked for when the statement runs.
create function tenancy.rule_parameter_grant() returns setof tenancy.finding
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if to_regclass('pg_catalog.pg_parameter_acl') is null then
    return;
  end if;
  return query
    select format('parameter %s for %s', p.parname, e.name),
           format('%s changes %s, which is for superusers (%s): session_replication_role switches triggers and foreign keys off, others log what should not be, or load libraries',
                  e.name, p.parname, lower(string_agg(g.privilege_type, ', ' order by g.privilege_type))),
           string_agg(tenancy.revoke_statement(lower(g.privilege_type), format('parameter %s', (select string_agg(quote_ident(w), '.') from string_to_table(p.parname, '.') w)), e.name, g.grantor, 10), '; '
                      order by g.privilege_type)
      from pg_catalog.pg_parameter_acl p
     cross join lateral aclexplode(p.paracl) g
      join tenancy.exposed_grantee e on e.oid = g.grantee
     group by p.parname, e.name;
end
$function$;

select tenancy.define_rule('risky_setting', 'medium', 'settings of the server that weaken isolation');
create function tenancy.rule_risky_setting() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with here (mend_prefix) as (select format('alter database %I set ', current_database())),
  setting (name, value) as (
    select n.name, tenancy.setting_here(n.name)
      from unnest(array['tenancy.seal', 'session_replication_role', 'lo_compat_privileges', 'password_encryption', 'log_statement',
                        'log_min_duration_statement', 'log_min_duration_sample', 'log_transaction_sample_rate', 'log_parameter_max_length',
                        'log_parameter_max_length_on_error', 'shared_preload_libraries', 'session_preload_libraries', 'pgaudit.log_parameter']) as n (name)
  ),
  preloaded as (
    select exists (select from setting s cross join lateral string_to_table(s.value, ',') l
                    where s.name in ('shared_preload_libraries', 'session_preload_libraries')
                      and btrim(l, E' "\t') in ('tenancy', '$libdir/tenancy')) as preloaded
  ),
  logged as (
    select exists (select from setting s
                    where s.name = 'log_statement' and s.value = 'all'
                       or s.name in ('log_min_duration_statement', 'log_min_duration_sample') and s.value <> '-1'
                       or s.name = 'log_transaction_sample_rate' and s.value::float8 > 0) as logged
  )
  select format('setting %s', s.name), f.gain, here.mend_prefix || f.mend
    from here cross join preloaded cross join logged cross join setting s
   cross join lateral (values
     (s.name = 'session_preload_libraries' and not preloaded.preloaded,
      'until a session first calls a function of the extension, its client puts any value under the names of the extension''s settings; they are thrown away with a warning when the library loads, which is one line of defence instead of two',
      format('session_preload_libraries = %s', (select string_agg(quote_literal(btrim(l, E' "\t')), ', ') from string_to_table(concat_ws(',', nullif(s.value, ''), 'tenancy'), ',') l))),
     (s.name = 'log_parameter_max_length' and s.value <> '0' and logged.logged,
      'the server''s log holds the parameters of statements: passwords and tokens of everybody who signs in, and values of all tenants',
      'log_parameter_max_length = 0'),
     (s.name = 'log_parameter_max_length_on_error' and s.value <> '0',
      'the server''s log holds the parameters of statements that fail, passwords and tokens among them; each tenant can make its own fail',
      'log_parameter_max_length_on_error = 0'),
     (s.name = 'pgaudit.log_parameter' and s.value = 'on',
      'the audit log holds the parameters of statements: passwords and tokens of everybody who signs in, and values of all tenants',
      'pgaudit.log_parameter = off'),
     (s.name = 'password_encryption' and s.value = 'md5',
      'the passwords of roles that are set from now on are stored as md5 hashes, which open the server to whoever reads one',
      'password_encryption = ''scram-sha-256'''),
     -- Stored with the database these three are found by role_or_database_settings.
     (s.name = 'tenancy.seal' and s.value = 'off' and not exists (select from tenancy.stored_setting t where t.name = s.name and t.role is null),
      'the transaction of a tenant is not sealed: LOCK TABLE, LISTEN, DO, temporary objects and EXPLAIN ANALYZE run in it', 'tenancy.seal = on'),
     (s.name = 'session_replication_role' and s.value <> 'origin' and not exists (select from tenancy.stored_setting t where t.name = s.name and t.role is null),
      'triggers and foreign keys do not fire: rows are written that the schema forbids, such as children of another tenant''s parent', 'session_replication_role = origin'),
     (s.name = 'lo_compat_privileges' and s.value = 'on' and not exists (select from tenancy.stored_setting t where t.name = s.name and t.role is null),
      'large objects have no rights any more: every role reads and writes all of them', 'lo_compat_privileges = off')
   ) as f (found, gain, mend)
   where f.found
$function$;

select tenancy.define_rule('hba_trust_or_md5', 'critical', 'a line of pg_hba.conf that lets people in without proof');
create function tenancy.rule_hba_trust_or_md5() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('%s line %s', coalesce(to_jsonb(h) ->> 'file_name', current_setting('hba_file')), h.line_number),
         case h.auth_method
           when 'trust' then format('whoever reaches this door (%s) comes in as any of %s without a password', d.door, d.people)
           when 'ident' then format('whoever controls a machine behind this door (%s) says who he is and is believed, as any of %s', d.door, d.people)
           when 'password' then format('passwords come through this door (%s) as clear text: who listens on the network has them', d.door)
           else format('this door (%s) takes md5 hashes, and a role still has one: it can be attacked offline by who listens, and used as it is by who reads a backup', d.door)
         end,
         format('-- in %s, line %s: %s; then select pg_reload_conf()', coalesce(to_jsonb(h) ->> 'file_name', current_setting('hba_file')), h.line_number,
                case when h.auth_method = 'trust' and h.type = 'local' then 'peer or scram-sha-256 in the place of trust'
                     when h.auth_method = 'md5' then 'scram-sha-256 in the place of md5, after the roles with an md5 hash have a new password'
                     when h.auth_method = 'password' then 'scram-sha-256 in the place of password'
                     else format('scram-sha-256 or cert in the place of %s', h.auth_method) end)
    from pg_hba_file_rules h
   cross join lateral (select concat_ws(' ', h.type, h.address, h.netmask), array_to_string(h.user_name, ', ')) as d (door, people)
   where h.error is null
     -- A copy of the cluster, by a connection for replication, holds this database as well.
     and (h.database && array['all', 'replication', current_database()::text, 'sameuser', 'samerole', 'samegroup']
          or exists (select from unnest(h.database) n where n ~ '^[/+]'))
     and (h.auth_method = 'trust'
          -- On a socket the kernel tells who it is; the file may say ident for that.
          or h.auth_method = 'ident' and h.type <> 'local'
          or h.auth_method = 'password' and h.type not in ('local', 'hostssl', 'hostgssenc')
          -- Such a line takes SCRAM from everybody whose password is stored so.
          or h.auth_method = 'md5' and exists (select from pg_authid a where a.rolcanlogin and a.rolpassword like 'md5%'))
$function$;

select tenancy.define_rule('bypassing_role_connected_from_network', 'critical', 'a role above row security connected over the network');
create function tenancy.rule_bypassing_role_connected_from_network() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('role %I from %s', r.rolname, host(a.client_addr)),
         format('%I sees all tenants whatever the policies say; its password, stolen anywhere on the way, opens them to the network', r.rolname),
         -- Whoever may rename the role must not write a second line below the comment.
         translate(format('-- let %I in by a Unix socket or from this machine only: a line "host all %I all reject" at the top of %s, after the lines for local connections; give that client a role without %s',
                          r.rolname, r.rolname, current_setting('hba_file'), case when r.rolsuper then 'SUPERUSER' else 'BYPASSRLS' end), E'\r\n', '  ')
    from pg_stat_activity a
    join pg_roles r on r.oid = a.usesysid and (r.rolsuper or r.rolbypassrls)
   where a.datname = current_database()
     and not (a.client_addr <<= '127.0.0.0/8'::inet or a.client_addr <<= '::1/128'::inet)
   group by r.rolname, r.rolsuper, a.client_addr
$function$;
