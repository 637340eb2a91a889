-- Rules: what shows rows of protected tables, or secrets, beside the tables themselves? Views, copies, foreign data, rewrite
-- rules, publications. First the views that say what an attacker gets at; an owner's own rights are not asked here, as
-- rules of their own say who reaches an owner.

create view tenancy.attacking_grantee as
  select r.role as oid
    from tenancy.reachable_role r join pg_catalog.pg_roles p on p.oid = r.role
   where not p.rolsuper
  union
  select 0::pg_catalog.oid;
comment on view tenancy.attacking_grantee is 'internal: whose grants an attacker can use: the roles that exposed roles are or can become, and PUBLIC (0)';
revoke all on tenancy.attacking_grantee from public;

create view tenancy.usable_schema as
  select n.oid
    from pg_catalog.pg_namespace n
   where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     and exists (select from pg_catalog.aclexplode(coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))) g
                  where g.privilege_type = 'USAGE' and g.grantee in (select a.oid from tenancy.attacking_grantee a));
comment on view tenancy.usable_schema is 'internal: schemas whose objects an attacker can name';
revoke all on tenancy.usable_schema from public;

-- Rights on rows, column by column where they were granted so (attnum 0: the whole relation).
create view tenancy.attacking_grant as
  with attacker as materialized (
    select a.oid from tenancy.attacking_grantee a
  ), granted as (
    select c.oid as relation, 0::pg_catalog.int2 as attnum, g.grantee, g.privilege_type
      from pg_catalog.pg_class c cross join pg_catalog.aclexplode(c.relacl) g
     where c.relkind in ('r', 'p', 'v', 'm', 'f')
    union all
    select t.attrelid, t.attnum, g.grantee, g.privilege_type
      from pg_catalog.pg_attribute t cross join pg_catalog.aclexplode(t.attacl) g
     where t.attacl is not null and not t.attisdropped
  )
  select granted.relation, granted.attnum, granted.grantee, granted.privilege_type as privilege,
         case granted.grantee when 0 then 'public' else granted.grantee::pg_catalog.regrole::pg_catalog.text end as grantee_name
    from granted
    join pg_catalog.pg_class c on c.oid = granted.relation
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
   where granted.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
     and granted.grantee in (select a.oid from attacker a) and granted.grantee <> c.relowner
     and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     and not exists (select from pg_catalog.pg_depend e
                      where e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and e.objid = c.oid and e.deptype = 'e');
comment on view tenancy.attacking_grant is 'internal: rights to read or write rows that an attacker can use, with whom they were granted to';
revoke all on tenancy.attacking_grant from public;

-- Which relations the definition of a view or materialized view names, and with whose rights they are then read.
create view tenancy.view_relation as
  select distinct v.oid as view, v.relkind, v.relowner as view_owner, d.refobjid as relation,
         not coalesce(o.invoker, false) as as_owner,
         -- A view that its maker asked to keep tenants apart: it filters by the context, behind a barrier.
         coalesce(o.barrier, false) and exists (
           select from pg_catalog.pg_depend u
             join pg_catalog.pg_proc p on p.oid = u.refobjid and p.pronamespace = 'tenancy'::pg_catalog.regnamespace
            where u.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and u.objid = w.oid
              and u.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass
              and p.proname in ('tenant_id', 'tenant_bigint', 'tenant_uuid', 'user_id', 'user_bigint', 'user_uuid', 'bypassing')
         ) as filtered
    from pg_catalog.pg_class v
    join pg_catalog.pg_rewrite w on w.ev_class = v.oid and w.ev_type = '1'
    join pg_catalog.pg_depend d
      on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = w.oid
     and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> v.oid
    cross join lateral (
      select pg_catalog.bool_or(s.option_value::pg_catalog.bool) filter (where s.option_name = 'security_invoker') as invoker,
             pg_catalog.bool_or(s.option_value::pg_catalog.bool) filter (where s.option_name = 'security_barrier') as barrier
        from pg_catalog.pg_options_to_table(v.reloptions) s
       where s.option_name in ('security_invoker', 'security_barrier')) o
   where v.relkind in ('v', 'm');
comment on view tenancy.view_relation is 'internal: relations that a view''s definition names, whether they are read as the view''s owner, and whether the view filters by the context';
revoke all on tenancy.view_relation from public;

-- What an attacker reads or writes, and through which relation (entry) that was granted. A view without security_invoker
-- opens what its owner may read; below one with it the attacker's own rights are asked, at whatever depth.
create view tenancy.reached_relation as
  with recursive granted as materialized (
    select distinct g.relation from tenancy.attacking_grant g
  ), link as materialized (
    select l.view, l.relation, l.as_owner, l.filtered from tenancy.view_relation l where l.relkind = 'v'
  ), reached (entry, relation, filtered) as (
    select g.relation, g.relation, false
      from granted g
      join pg_catalog.pg_class c on c.oid = g.relation
     where c.relnamespace in (select s.oid from tenancy.usable_schema s)
    union
    select reached.entry, link.relation, reached.filtered or link.filtered
      from reached join link on link.view = reached.relation
     where link.as_owner or link.relation in (select g.relation from granted g)
  )
  select reached.entry, reached.relation, reached.filtered from reached;
comment on view tenancy.reached_relation is 'internal: relations whose rows an attacker gets at, the granted relation that leads there, and whether a view filters them by the context on the way';
revoke all on tenancy.reached_relation from public;

-- Roles that see more of a protected table than the current tenant's rows, beside superusers and BYPASSRLS.
create view tenancy.exempt_role as
  select p.relation, p.relowner as role
    from tenancy.protection p join pg_catalog.pg_class c on c.oid = p.relation
   where p.kind = 'tenant' and not (c.relrowsecurity and c.relforcerowsecurity)
  union
  select p.relation, r.role
    from tenancy.protection p
    join pg_catalog.pg_policy o on o.polrelid = p.relation
    cross join pg_catalog.unnest(o.polroles) r (role)
   where p.kind = 'tenant' and o.polpermissive and o.polcmd in ('r', '*') and r.role <> 0 and o.polname !~ '^tenancy_'
     and pg_catalog.pg_get_expr(o.polqual, o.polrelid) !~ 'tenancy\.(tenant|user)_(id|bigint|uuid)\(\)';
comment on view tenancy.exempt_role is 'internal: roles whose members see other tenants'' rows of a protected table: its owner where row security is not forced, and those named by a policy that somebody added';
revoke all on tenancy.exempt_role from public;

-- ---------------------------------------------------------------- views
select tenancy.define_rule('view_without_security_invoker', 'critical', 'a view that reads a protected table with its owner''s rights');
create function tenancy.rule_view_without_security_invoker() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with hole as (
    select l.view, l.view_owner, min(l.relation::regclass::text) as relation,
           case when bool_or(e.entry = l.view) then null else min(e.entry::regclass::text) end as entry,
           bool_or(not l.filtered
                   and (o.rolsuper or o.rolbypassrls
                        or exists (select from tenancy.exempt_role x
                                    where x.relation = l.relation and pg_has_role(l.view_owner, x.role, 'usage')))) as exempt
      from tenancy.view_relation l
      join tenancy.protection p on p.relation = l.relation and p.kind = 'tenant'
      join tenancy.reached_relation e on e.relation = l.view
      join pg_roles o on o.oid = l.view_owner
     where l.relkind = 'v' and l.as_owner
     group by l.view, l.view_owner
  )
  select view::regclass::text,
         case when exempt
           then format('every tenant sees the rows of all tenants of %s%s: they are read as %s, whom its policies do not hold',
                       relation, ' through ' || entry, view_owner::regrole)
           else format('rows of %s are read and written%s with the rights of %s: the wall of role tenancy_user does not hold there, nor do rights that tenants lack, and any policy that lets %s see more opens it to all tenants',
                       relation, ' through ' || entry, view_owner::regrole, view_owner::regrole)
         end,
         format('alter view %s set (security_invoker = true)', view::regclass)
    from hole
$function$;

-- A view that is itself the fence: it filters by the context and runs with its owner's rights.
select tenancy.define_rule('writable_view_without_check_option_or_barrier', 'high', 'a view that filters by the context and can be gone around');
create function tenancy.rule_writable_view_without_check_option_or_barrier() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with entry as materialized (
    select distinct e.entry from tenancy.reached_relation e
  ), written as materialized (
    select g.relation from tenancy.attacking_grant g where g.privilege in ('INSERT', 'UPDATE')
  ), fence as materialized (
    select v.oid, coalesce(o.barrier, false) as barrier, coalesce(o.checked, false) as checked
      from pg_class v
      cross join lateral (
        select bool_or(s.option_value::bool) filter (where s.option_name = 'security_invoker') as invoker,
               bool_or(s.option_value::bool) filter (where s.option_name = 'security_barrier') as barrier,
               bool_or(true) filter (where s.option_name = 'check_option') as checked
          from pg_options_to_table(v.reloptions) s
         where s.option_name in ('security_invoker', 'security_barrier', 'check_option')) o
     where v.relkind = 'v' and v.oid >= 16384 and not coalesce(o.invoker, false) and not (coalesce(o.barrier, false) and coalesce(o.checked, false))
  ), candidate as (
    select f.oid, f.barrier,
           f.checked
             or f.oid not in (select w.relation from written w)
             or pg_relation_is_updatable(f.oid, false) & 12 = 0 as checked
      from fence f
     where f.oid in (select e.entry from entry e)
  )
  select v.oid::regclass::text,
         concat_ws('; ',
           case when not v.barrier then 'without security_barrier a function in an attacker''s WHERE is called with the rows of other tenants before the view hides them' end,
           case when not v.checked then 'without a check option a tenant writes rows into other tenants through it' end),
         format('alter view %s set (%s)', v.oid::regclass,
                concat_ws(', ', case when not v.barrier then 'security_barrier = true' end,
                                case when not v.checked then 'check_option = cascaded' end))
    from candidate v
   where not (v.barrier and v.checked)
     and pg_get_viewdef(v.oid) ~* 'WHERE.*(tenancy\.(tenant|user)_(id|bigint|uuid)\(\)|current_setting\(|CURRENT_USER|SESSION_USER)'
$function$;

-- ---------------------------------------------------------------- copies and foreign data
select tenancy.define_rule('matview_readable', 'critical', 'a materialized view of a protected table that tenants read');
create function tenancy.rule_matview_readable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive below (matview, relation) as (
    select l.view, l.relation from tenancy.view_relation l where l.relkind = 'm'
    union
    select below.matview, l.relation from below join tenancy.view_relation l on l.view = below.relation
  ), hole as (
    select b.matview, min(b.relation::regclass::text) as relation
      from below b join tenancy.protection p on p.relation = b.relation and p.kind = 'tenant'
     group by b.matview
  )
  select h.matview::regclass::text,
         format('row security does not exist on it: the rows of all tenants of %s that its last refresh stored are read through %s',
                h.relation, string_agg(distinct e.entry::regclass::text, ', ')),
         string_agg(distinct r.statement, '; ')
    from hole h
    join tenancy.reached_relation e on e.relation = h.matview and not e.filtered
    cross join lateral (
      select format('revoke all on %s from %s', e.entry::regclass, string_agg(distinct g.grantee_name, ', ')) as statement
        from tenancy.attacking_grant g where g.relation = e.entry) r
   group by h.matview, h.relation
$function$;

select tenancy.define_rule('foreign_table_readable', 'high', 'a foreign table that tenants read or write');
create function tenancy.rule_foreign_table_readable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select f.ftrelid::regclass::text,
         format('row security does not exist on it: whatever server %I shows to its user mapping is read or written through %s',
                s.srvname, string_agg(distinct e.entry::regclass::text, ', ')),
         string_agg(distinct r.statement, '; ')
    from pg_foreign_table f
    join pg_foreign_server s on s.oid = f.ftserver
    join tenancy.reached_relation e on e.relation = f.ftrelid and not e.filtered
    cross join lateral (
      select format('revoke all on %s from %s', e.entry::regclass, string_agg(distinct g.grantee_name, ', ')) as statement
        from tenancy.attacking_grant g where g.relation = e.entry) r
   group by f.ftrelid, s.srvname
$function$;

select tenancy.define_rule('user_mapping_or_server_usable', 'high', 'foreign servers that tenants can use');
create function tenancy.rule_user_mapping_or_server_usable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with attacker as materialized (
    select a.oid, case a.oid when 0 then 'public' else a.oid::regrole::text end as name from tenancy.attacking_grantee a
  )
  select format('user mapping for %s on server %I', a.name, s.srvname),
         format('statements of %s log in to server %I with the stored account, and the owner of the mapping reads its password',
                a.name, s.srvname),
         format('drop user mapping for %s server %I', a.name, s.srvname)
    from pg_user_mapping m
    join pg_foreign_server s on s.oid = m.umserver
    join attacker a on a.oid = m.umuser
  union all
  select format('server %I', s.srvname),
         format('%s can make a user mapping on it and reach another database, where no tenant context holds', string_agg(a.name, ', ')),
         format('revoke usage on foreign server %I from %s', s.srvname, string_agg(a.name, ', '))
    from pg_foreign_server s cross join aclexplode(s.srvacl) g join attacker a on a.oid = g.grantee
   where g.privilege_type = 'USAGE' and g.grantee <> s.srvowner
   group by s.srvname
  union all
  select format('foreign-data wrapper %I', w.fdwname),
         format('%s can make servers of their own with it and reach any host that the database reaches', string_agg(a.name, ', ')),
         format('revoke usage on foreign data wrapper %I from %s', w.fdwname, string_agg(a.name, ', '))
    from pg_foreign_data_wrapper w cross join aclexplode(w.fdwacl) g join attacker a on a.oid = g.grantee
   where g.privilege_type = 'USAGE' and g.grantee <> w.fdwowner
   group by w.fdwname
$function$;

-- ---------------------------------------------------------------- rules and publications
-- The actions of a rule run with the rights of the relation's owner, on a view with security_invoker too.
select tenancy.define_rule('rule_touches_protected_table', 'high', 'a rewrite rule on a protected table, or one that reads or writes it');
create function tenancy.rule_rule_touches_protected_table() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with touched as (
    select w.oid, min(p.relation::text) as relation
      from pg_rewrite w
      join pg_depend d
        on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
      join tenancy.protection p on p.relation = d.refobjid and p.kind = 'tenant'
     -- DO INSTEAD NOTHING touches nothing.
     where w.ev_type <> '1' and pg_get_ruledef(w.oid) !~ ' DO INSTEAD NOTHING;$'
     group by w.oid
  )
  select format('rule %I on %s', w.rulename, c.oid::regclass),
         format('whoever writes %s reads or writes %s with the rights of %s: rows of other tenants are copied, and what RETURNING shows is not a tenant''s own',
                c.oid::regclass, t.relation, c.relowner::regrole),
         format('drop rule %I on %s', w.rulename, c.oid::regclass)
    from touched t
    join pg_rewrite w on w.oid = t.oid
    join pg_class c on c.oid = w.ev_class
$function$;

select tenancy.define_rule('protected_table_published', 'high', 'a protected table in a publication');
create function tenancy.rule_protected_table_published() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with protected as materialized (
    select p.relation, c.relnamespace
      from tenancy.protection p join pg_class c on c.oid = p.relation where p.kind = 'tenant'
  )
  select format('table %s in publication %I', t.relation, p.pubname),
         format('a subscriber, or any login with REPLICATION, receives the rows of all tenants of %s', t.relation),
         format('alter publication %I drop table %s', p.pubname, t.relation)
    from protected t
    join pg_publication_rel r on r.prrelid = t.relation
    join pg_publication p on p.oid = r.prpubid
  union all
  -- By its dependencies: the catalog of published schemas is not there before PostgreSQL 15.
  select format('schema %I in publication %I', n.nspname, p.pubname),
         format('a subscriber, or any login with REPLICATION, receives the rows of all tenants of all tables in schema %I', n.nspname),
         format('alter publication %I drop tables in schema %I', p.pubname, n.nspname)
    from pg_depend s
    join pg_depend d on d.classid = s.classid and d.objid = s.objid and d.refclassid = 'pg_publication'::regclass
    join pg_publication p on p.oid = d.refobjid
    join pg_namespace n on n.oid = s.refobjid
   where s.classid = to_regclass('pg_catalog.pg_publication_namespace') and s.refclassid = 'pg_namespace'::regclass
     and n.oid in (select t.relnamespace from protected t)
  union all
  select format('publication %I', p.pubname),
         'a subscriber, or any login with REPLICATION, receives the rows of all tenants of all tables',
         format('drop publication %I', p.pubname)
    from pg_publication p
   where p.puballtables and exists (select from protected)
$function$;

-- ---------------------------------------------------------------- tables that nobody has thought about
select tenancy.define_rule('unclassified_table_readable', 'medium', 'a table that tenants reach and that is neither protected nor a reference table');
create function tenancy.rule_unclassified_table_readable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with unclassified as (
    select c.oid, c.relnamespace
      from pg_class c
     where c.relkind in ('r', 'p') and c.relpersistence <> 't' and c.oid >= 16384
       and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
       and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname in ('tenancy_tenant', 'tenancy_reference'))
       and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
       -- Tables with the tenant column are for other rules: they want protection, not a class.
       and not exists (select from pg_attribute a
                        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                          and (a.attname = 'tenant_id'
                               or a.attname in (select p.tenant_column from tenancy.protection p
                                                 where p.kind = 'tenant' and not p.registry)))
  )
  select u.oid::regclass::text,
         format('all tenants share its rows: %s', string_agg(r.told, '; ')),
         -- No name in the comment: one with a line break in it would end the comment, and the rest be run.
         format(E'-- When all tenants may read it; otherwise revoke the grants.\nselect tenancy.protect(%L, reference => true)', u.oid::regclass)
    from unclassified u
    join tenancy.reached_relation e on e.relation = u.oid and not e.filtered
    cross join lateral (
      select format('%s may %s%s', string_agg(distinct g.grantee_name, ', '),
                    string_agg(distinct lower(g.privilege), ', '),
                    case when e.entry <> u.oid then format(' through %s', e.entry::regclass) end) as told
        from tenancy.attacking_grant g where g.relation = e.entry) r
   group by u.oid
$function$;

-- Names such as password_hash, apiKey, refresh_token; not password_changed_at, token_count or content_hash.
create function tenancy.names_a_secret(column_name name, column_type oid) returns boolean
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select column_type = any (array['text', 'varchar', 'bpchar', 'bytea', 'json', 'jsonb', 'uuid']::regtype[]::oid[])
     and spelled ~ ('(^|_)(password|passwort|passwd|passphrase|pwd|pw|secret|token|credential|salt|otp|totp|(api|private|secret|access|signing|encryption)_?key)s?(_|$)'
                    '|^hash$|(^|_)(pass|pin|key)_?hash$|^pwhash$')
     and spelled !~ '_(at|on|id|count|type|kind|policy|name|length|prefix|date|expiry|expires|algorithm|version|status|hint)$'
    from lower(regexp_replace(column_name, '([a-z0-9])([A-Z])', '\1_\2', 'g')) as spelled
$function$;
comment on function tenancy.names_a_secret(name, oid) is 'internal: whether a column is named like a password, key or token';

select tenancy.define_rule('secret_column_readable', 'high', 'a column with secrets that tenants read');
create function tenancy.rule_secret_column_readable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive granted as materialized (
    select g.* from tenancy.attacking_grant g where g.privilege = 'SELECT'
  ), shown as materialized ( -- columns of views, with the column that each shows
    select w.ev_class as view, m[1]::int2 as attnum, m[2]::oid as relation, m[3]::int2 as source
      from pg_rewrite w
      join (select distinct l.view from tenancy.view_relation l where l.as_owner) v on v.view = w.ev_class
      cross join regexp_matches(w.ev_action::text,
        ':resno (\d+) :resname (?:[^\\ ]|\\.)+ :ressortgroupref \d+ :resorigtbl ([1-9]\d*) :resorigcol ([1-9]\d*)', 'g') m
     where w.ev_type = '1' and w.ev_class >= 16384
  ), secret (relation, attnum) as (
    select a.attrelid, a.attnum
      from pg_attribute a join pg_class c on c.oid = a.attrelid
     where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.oid >= 16384
       -- The name alone first: it rules out nearly all columns without a call.
       and a.attname::text ~* '(pass|pwd|pw|secret|token|credential|salt|otp|key|hash)'
       and tenancy.names_a_secret(a.attname, a.atttypid)
    union
    select s.view, s.attnum from secret join shown s on s.relation = secret.relation and s.source = secret.attnum
  ), hole as (
    select s.relation, s.attnum, g.grantee, g.grantee_name
      from secret s
      join pg_class c on c.oid = s.relation
      join granted g on g.relation = s.relation and g.attnum in (0, s.attnum)
     where s.relation in (select e.relation from tenancy.reached_relation e)
       -- Through a view with security_invoker the column below it is asked.
       and not (c.relkind = 'v' and not exists (select from tenancy.view_relation l where l.view = c.oid and l.as_owner))
  ), mended as ( -- one mend for all secrets of a relation
    select h.relation, string_agg(distinct h.grantee_name, ', ') as grantees,
           array_agg(h.attnum) as secrets, array_agg(h.grantee) as readers
      from hole h group by h.relation
  )
  select format('column %I of %s', a.attname, m.relation::regclass),
         format('%s reads it: within a tenant everybody learns the secrets of everybody, and hashes are guessed at leisure', m.grantees),
         format('revoke select on %s from %s', m.relation::regclass, m.grantees)
         || coalesce('; ' || (
              select format('grant select (%s) on %s to %s', string_agg(quote_ident(o.attname), ', ' order by o.attnum),
                            m.relation::regclass, m.grantees)
                from pg_attribute o
               where o.attrelid = m.relation and o.attnum > 0 and not o.attisdropped and o.attnum <> all (m.secrets)
                 -- Nothing more than each of them can read now.
                 and not exists (select from unnest(m.readers) r
                                  where not has_column_privilege(r, m.relation, o.attnum, 'select'))
              having count(*) > 0), '')
    from mended m
    join pg_attribute a on a.attrelid = m.relation and a.attnum = any (m.secrets)
$function$;

-- ---------------------------------------------------------------- what the server itself shows
-- CVE-2024-4317 is mended by a script in databases that were there before; the new views ask who owns the table.
select tenancy.define_rule('pg_stats_ext_unfixed', 'high', 'statistics views that show values of other owners'' tables');
create function tenancy.rule_pg_stats_ext_unfixed() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select v.oid::regclass::text,
         format('%s reads the most common values of extended statistics, which come from the rows of all tenants (CVE-2024-4317)',
                string_agg(g.name, ', ')),
         format(E'-- Or run fix-CVE-2024-4317.sql from the server''s share directory.\nrevoke select on pg_catalog.%I from %s',
                v.relname, string_agg(g.name, ', '))
    from pg_class v
    cross join lateral (
      select case a.grantee when 0 then 'public' else a.grantee::regrole::text end as name
        from aclexplode(v.relacl) a
       where a.privilege_type = 'SELECT' and a.grantee in (select t.oid from tenancy.attacking_grantee t)) g
   where v.relnamespace = 'pg_catalog'::regnamespace and v.relname in ('pg_stats_ext', 'pg_stats_ext_exprs')
     and pg_get_viewdef(v.oid) !~ 'pg_has_role'
   group by v.oid, v.relname
$function$;

-- Large objects know no row security. Those that no attacker may read are nobody's hole.
select tenancy.define_rule('large_objects_exist', 'medium', 'large objects that tenants share');
create function tenancy.rule_large_objects_exist() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with attacker as materialized (
    select a.oid from tenancy.attacking_grantee a
  ), hole as (
    select count(*) as objects
      from pg_largeobject_metadata m
     where m.lomowner in (select a.oid from attacker a)
        or exists (select from aclexplode(m.lomacl) g where g.grantee in (select a.oid from attacker a))
  ), compatible as (
    select s.setting::bool as everybody from pg_settings s where s.name = 'lo_compat_privileges'
  )
  select 'large objects',
         format('row security does not exist on them: every tenant reads or changes %s of them by their numbers', h.objects),
         -- The numbers are no secret, so owner and rights have to go.
         format('do %L', format(
           'declare o pg_catalog.oid; begin for o in select m.oid from pg_catalog.pg_largeobject_metadata m loop '
           'execute pg_catalog.format(''alter large object %%s owner to %%s'', o, %L); '
           'execute pg_catalog.format(''revoke all on large object %%s from %%s'', o, %L); end loop; end',
           d.datdba::regrole,
           (select string_agg(case a.oid when 0 then 'public' else a.oid::regrole::text end, ', ')
              from attacker a where a.oid <> d.datdba)))
    from hole h cross join pg_database d
   where h.objects > 0 and d.datname = current_database()
  union all
  select 'setting lo_compat_privileges',
         'every tenant reads and changes all large objects: their rights are not asked',
         format(E'-- And where it was set to on.\nalter database %I set lo_compat_privileges = off', current_database())
    from compatible c
   where c.everybody and exists (select from pg_largeobject_metadata)
$function$;

-- Extensions whose functions reach other databases, hosts, files or pages: under no policy of this database.
select tenancy.define_rule('dangerous_extension', 'high', 'functions of an extension that go around row security');
create function tenancy.rule_dangerous_extension() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with attacker as materialized (
    select a.oid, case a.oid when 0 then 'public' else a.oid::regrole::text end as name from tenancy.attacking_grantee a
  ), dangerous (name, gain) as (
    values
      ('dblink', 'opens connections to this and other databases, outside the context and the seal'),
      ('pg_background', 'runs statements in another process, outside the context and the seal'),
      ('pg_cron', 'runs statements later, outside the context and the seal'),
      ('http', 'sends rows to any host and reaches servers behind the firewall'),
      ('pg_net', 'sends rows to any host and reaches servers behind the firewall'),
      ('aws_s3', 'writes rows to places outside the database'),
      ('aws_lambda', 'sends rows to places outside the database'),
      ('adminpack', 'writes files of the server'),
      ('file_fdw', 'reads files of the server'),
      ('postgres_fdw', 'opens connections to other databases'),
      ('oracle_fdw', 'opens connections to other databases'),
      ('mysql_fdw', 'opens connections to other databases'),
      ('tds_fdw', 'opens connections to other databases'),
      ('pageinspect', 'reads pages, below every policy; only its own question for a superuser stands before it'),
      ('pg_walinspect', 'reads the write-ahead log, with the rows of all tenants'),
      ('pg_surgery', 'changes rows below every policy'),
      ('pg_visibility', 'tells and changes what is stored of all tenants'),
      ('pgrowlocks', 'tells which rows other tenants are changing'),
      ('pgstattuple', 'tells how many rows all tenants have'),
      ('pg_freespacemap', 'tells how the rows of all tenants are stored'),
      ('pg_buffercache', 'tells what other tenants are reading'),
      ('amcheck', 'reads the rows of all tenants')
  ), callable as (
    select e.extname, p.oid, a.name as grantee
      from pg_extension e
      join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = e.oid and d.deptype = 'e'
       and d.classid = 'pg_proc'::regclass
      join pg_proc p on p.oid = d.objid
      cross join aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
      join attacker a on a.oid = g.grantee
     where e.extname::text in (select s.name from dangerous s)
       and p.pronamespace in (select s.oid from tenancy.usable_schema s)
       -- A handler or validator does nothing when it is called by hand, and the connections these tell of are the caller's own.
       and p.prorettype not in ('fdw_handler'::regtype, 'trigger'::regtype)
       and not exists (select from pg_foreign_data_wrapper w where w.fdwvalidator = p.oid)
       and p.proname not in ('postgres_fdw_get_connections', 'postgres_fdw_disconnect', 'postgres_fdw_disconnect_all')
  )
  select format('extension %I', c.extname),
         format('%s may call it: it %s', string_agg(distinct c.grantee, ', '), s.gain),
         format('revoke execute on function %s from %s',
                string_agg(distinct c.oid::regprocedure::text, ', '), string_agg(distinct c.grantee, ', '))
    from callable c join dangerous s on s.name = c.extname
   group by c.extname, s.gain
$function$;

revoke execute on function tenancy.names_a_secret(name, oid) from public;
