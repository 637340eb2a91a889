-- Rules: columns that decide who somebody is, and code that hangs on a protected table.

-- ---------------------------------------------------------------- columns that decide
-- Tables and views that the directory reads, through views of views. Functions in them are not followed.
create function tenancy.directory_relations() returns table (relation oid, attnum int2)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive read (relation, attnum) as (
    select v.oid, 0::int2
      from tenancy.directory d join pg_class v on v.oid in (d.accounts, d.memberships)
    union
    select d.refobjid, d.refobjsubid::int2
      from read
      join pg_rewrite r on r.ev_class = read.relation
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
  )
  select read.relation, read.attnum from read join pg_class c on c.oid = read.relation and c.relkind in ('r', 'p', 'v', 'm', 'f')
$function$;
comment on function tenancy.directory_relations() is 'internal: relations behind the directory, and the columns of them that it reads (0: the relation as a whole)';
revoke execute on function tenancy.directory_relations() from public;

select tenancy.define_rule('tenant_registry_writable', 'critical', 'tenants may write who they are');
create function tenancy.rule_tenant_registry_writable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with protection as materialized (
    select p.* from tenancy.protection p
  ), directory as materialized (
    select d.relation, array_agg(d.attnum) as columns from tenancy.directory_relations() d group by d.relation
  ), deciding as (
    select d.relation, d.columns, true as is_directory from directory d
    union all
    -- The table of the tenants: others refer to it. One with a row of settings for each tenant has the same key, but refers itself.
    select p.relation, null, false
      from protection p
     where p.registry and p.relation not in (select d.relation from directory d)
       and exists (select from pg_constraint k where k.contype = 'f' and k.confrelid = p.relation and p.tenant_attnum = any (k.confkey))
       and not exists (select from pg_constraint k where k.contype = 'f' and k.conrelid = p.relation and k.conkey = array[p.tenant_attnum])
  )
  select d.relation::regclass::text,
         format('%s may write %s', string_agg(distinct g.grantee_name, ', '),
                case when d.is_directory then 'what the directory reads: a user becomes an administrator, a member of another tenant, or somebody else'
                     else 'the table of tenants: what the application believes of a tenant is what the tenant says' end),
         format('revoke insert, update, delete, truncate on %s from %s', d.relation::regclass, string_agg(distinct g.grantee_name, ', '))
    from deciding d
    join tenancy.exposed_grants() g on g.relation = d.relation
    left join protection p on p.relation = d.relation
   where g.privilege in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
     -- Through a bypass is how administrators write; without protection nobody asks for one.
     and (not g.is_admin or p.relation is null)
     and (g.attnum = 0 or not d.is_directory or g.attnum = any (d.columns))
   group by d.relation, d.is_directory
$function$;

-- With a restrictive policy that checks the new row, the right is harmless: protect() grants it. Only roles which no such
-- policy holds are told of; then one more permissive policy moves rows to other tenants.
select tenancy.define_rule('update_of_tenant_column_granted', 'medium', 'a role without a wall may change rows'' tenant');
create function tenancy.rule_update_of_tenant_column_granted() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('column %I of %s', p.tenant_column, p.relation),
         format('%s may change the tenant of rows, and no restrictive policy holds there: one more permissive policy, and rows go to other tenants or are taken from them',
                string_agg(distinct g.grantee_name, ', ')),
         format('revoke update on %s from %s', p.relation, string_agg(distinct g.grantee_name, ', '))
         || coalesce((select format('; grant update (%s) on %s to %s', string_agg(quote_ident(a.attname), ', ' order by a.attnum), p.relation,
                                    string_agg(distinct g.grantee_name, ', '))
                        from pg_attribute a
                       where a.attrelid = p.relation and a.attnum > 0 and not a.attisdropped and a.attnum <> p.tenant_attnum and a.attgenerated = ''), '')
    from tenancy.tenant_relations() p
    join tenancy.exposed_grants() g on g.relation = p.relation
   where g.privilege = 'UPDATE' and g.attnum in (0, p.tenant_attnum) and not g.is_admin
     and not exists (select from pg_policy w
                      where w.polrelid = p.relation and not w.polpermissive and w.polcmd in ('*', 'w')
                        and (g.grantee = any (w.polroles) or 0 = any (w.polroles))
                        and coalesce(w.polwithcheck, w.polqual)::text ~ format(':varattno %s ', p.tenant_attnum))
   group by p.relation, p.tenant_column, p.tenant_attnum
$function$;

-- ---------------------------------------------------------------- code that hangs on a table
-- User functions that a statement on a protected table runs without naming them, where somebody else than the table's owner
-- decides what they do. One that the owner has, that runs as the caller, with names that are pinned (or resolved when
-- it was made), is as good as the table's own expression.
create function tenancy.loose_functions(kinds text[]) returns table (kind text, object text, function regprocedure, gain text, mend text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive protection as materialized (
    select p.relation, p.relowner, p.is_child from tenancy.protection p
  ), domain_of (relation, relowner, type) as (
    select p.relation, p.relowner, a.atttypid
      from protection p join pg_attribute a on a.attrelid = p.relation and a.attnum > 0 and not a.attisdropped
      join pg_type t on t.oid = a.atttypid and t.typtype = 'd'
    union
    select d.relation, d.relowner, t.typbasetype
      from domain_of d join pg_type t on t.oid = d.type
      join pg_type b on b.oid = t.typbasetype and b.typtype = 'd'
  ), part as (
    select 'expression' as kind, p.relowner, 'column %1$I of %2$s' as spoken, a.attname as name, p.relation as named, null::regtype as type,
           'pg_attrdef'::regclass::oid as classid, d.oid as objid
      from protection p
      join pg_attrdef d on d.adrelid = p.relation
      join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
     where not p.is_child
    union all
    select 'expression', p.relowner, 'index %2$s', null, i.indexrelid::regclass, null, 'pg_class'::regclass, i.indexrelid
      from protection p join pg_index i on i.indrelid = p.relation
     where (i.indexprs is not null or i.indpred is not null) and not exists (select from pg_inherits h where h.inhrelid = i.indexrelid)
    union all
    select 'expression', d.relowner, 'domain %2$s', null, null, d.type::regtype, 'pg_type'::regclass, d.type
      from domain_of d
    union all
    select 'constraint', p.relowner, 'constraint %1$I on %2$s', k.conname, p.relation, null, 'pg_constraint'::regclass, k.oid
      from protection p join pg_constraint k on k.conrelid = p.relation
     where k.contype in ('c', 'x') and k.coninhcount = 0
    union all
    select 'constraint', d.relowner, 'constraint %1$I of domain %2$s', k.conname, null, d.type::regtype, 'pg_constraint'::regclass, k.oid
      from domain_of d join pg_constraint k on k.contypid = d.type
  ), called as (
    select part.kind, part.relowner, part.spoken, part.name, part.named, part.type, coalesce(o.oprcode::oid, d.refobjid) as function
      from part
      join pg_depend d on d.classid = part.classid and d.objid = part.objid and d.deptype <> 'i'
       and d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass)
      left join pg_operator o on d.refclassid = 'pg_operator'::regclass and o.oid = d.refobjid
     where part.kind = any (kinds)
    union
    select 'trigger', p.relowner, 'trigger %1$I on %2$s', t.tgname, p.relation, null, t.tgfoid
      from protection p join pg_trigger t on t.tgrelid = p.relation
     where 'trigger' = any (kinds) and not t.tgisinternal and t.tgparentid = 0
    union
    -- A trigger's WHEN may call something too.
    select 'trigger', p.relowner, 'trigger %1$I on %2$s', t.tgname, p.relation, null, coalesce(o.oprcode::oid, d.refobjid)
      from protection p join pg_trigger t on t.tgrelid = p.relation and t.tgqual is not null
      join pg_depend d on d.classid = 'pg_trigger'::regclass and d.objid = t.oid and d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass)
      left join pg_operator o on d.refclassid = 'pg_operator'::regclass and o.oid = d.refobjid
     where 'trigger' = any (kinds) and not t.tgisinternal and t.tgparentid = 0
  ), judged as (
    select c.kind, format(c.spoken, c.name, coalesce(c.type::text, c.named::text)) as object, f.oid, f.proowner, c.relowner, f.prosecdef, n.nspname,
           not exists (select from unnest(f.proconfig) s where s ~ '^search_path=')
             and l.lanname not in ('internal', 'c')
             -- Of PostgreSQL 14 and later: a body in SQL's own syntax, whose names were resolved when it was made.
             and (to_jsonb(f) ->> 'prosqlbody') is null as unpinned,
           not tenancy.holds_role(pg_get_userbyid(f.proowner), pg_get_userbyid(c.relowner)) as foreign_owner
      from called c
      join pg_proc f on f.oid = c.function
      join pg_namespace n on n.oid = f.pronamespace and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      join pg_language l on l.oid = f.prolang
     where not exists (select from pg_depend e where e.classid = 'pg_proc'::regclass and e.objid = f.oid and e.deptype = 'e')
  )
  select j.kind, format('%s: function %s', j.object, j.oid::regprocedure), j.oid::regprocedure,
         concat_ws('; ',
           case when j.prosecdef then format('it runs with the rights of %I for whoever writes a row: a mistake in it reads and writes what the tenant may not', pg_get_userbyid(j.proowner)) end,
           case when j.unpinned then 'its names are looked up in the search_path of whoever writes, reindexes or analyzes: an object of the same name in an earlier schema runs an attacker''s code as the next tenant or as the owner' end,
           case when j.foreign_owner then format('%I, who owns it and not the table, may replace it with code that runs as every tenant and takes rows along', pg_get_userbyid(j.proowner)) end),
         case
           -- Handing a function over, or changing what others call, because a table's owner hung it on his table, would be a
           -- way to take it. No name here: a name may hold a line's end, which ends a comment.
           when j.foreign_owner then '-- use a function of the table''s owner in its place, or let the two owners agree on ALTER FUNCTION … OWNER TO'
           else format('alter function %s', j.oid::regprocedure)
                || case when j.prosecdef then ' security invoker' else '' end
                -- Its own schema stays in the path, where it finds what it found until today.
                || case when j.unpinned then format(' set search_path = pg_catalog, %I, pg_temp', j.nspname) else '' end
         end
    from judged j
   where j.prosecdef or j.unpinned or j.foreign_owner
$function$;
comment on function tenancy.loose_functions(text[]) is 'internal: user functions that defaults, indexes (expression), checks (constraint) and triggers (trigger) of protected tables call, and that somebody else than the table''s owner has a hand in';
revoke execute on function tenancy.loose_functions(text[]) from public;

select tenancy.define_rule('stored_expression_calls_user_function', 'medium', 'a default or index that runs somebody''s code');
create function tenancy.rule_stored_expression_calls_user_function() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select distinct on (l.object) l.object, l.gain, l.mend from tenancy.loose_functions(array['expression']) l
$function$;

select tenancy.define_rule('constraint_calls_user_function', 'medium', 'a check that runs somebody''s code');
create function tenancy.rule_constraint_calls_user_function() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select distinct on (l.object) l.object, l.gain, l.mend from tenancy.loose_functions(array['constraint']) l
$function$;

select tenancy.define_rule('trigger_function_definer_or_unpinned', 'medium', 'a trigger that runs with somebody''s rights or names');
create function tenancy.rule_trigger_function_definer_or_unpinned() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select distinct on (l.object) l.object, l.gain, l.mend from tenancy.loose_functions(array['trigger']) l
$function$;

select tenancy.define_rule('extended_statistics_on_protected_table', 'low', 'statistics over columns of all tenants');
create function tenancy.rule_extended_statistics_on_protected_table() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('statistics %s', format('%I.%I', n.nspname, s.stxname)),
         format('they are gathered over the rows of all tenants in %s: estimates in EXPLAIN tell which values others have, and old minors show them outright', p.relation),
         format('drop statistics %I.%I', n.nspname, s.stxname)
    from pg_statistic_ext s
    join tenancy.tenant_relations() p on p.relation = s.stxrelid
    join pg_namespace n on n.oid = s.stxnamespace
$function$;
