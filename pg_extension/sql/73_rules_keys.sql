-- Rules: do keys, indexes and sequences hold tenants apart? A key without the tenant is checked on the rows of all tenants,
-- with row security set aside, and its answer is told to whoever writes. The mends put the tenant into the key, under the same
-- name; each may be run twice, and after the mend of another key. To check old rows, a foreign key reads both tables whole: a
-- superuser can, an owner who is held by FORCE cannot and takes tenancy.protect(…, keys => true) instead.

-- ---------------------------------------------------------------- what the rules ask
-- These are functions and not views: the planner takes a function for a thousand rows, the rows of a view over the catalogs
-- for one, and then joins each table with each.
create function tenancy.tenant_relations() returns setof tenancy.protection
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select p.* from tenancy.protection p where p.kind = 'tenant'
$function$;
comment on function tenancy.tenant_relations() is 'internal: the protected relations with rows of tenants';

-- Rights to relations and sequences that a statement of an attacker may use; those of the owner are his own.
create function tenancy.exposed_grants()
  returns table (relation oid, attnum int2, grantee oid, grantee_name text, privilege text, is_admin boolean)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with attacker as materialized (
    select 0::oid as oid, 'public' as name, false as is_admin
    union
    select x.oid, quote_ident(x.rolname), x.rolname = 'tenancy_admin' from tenancy.reachable_role r join pg_roles x on x.oid = r.role
  ), granted as (
    select c.oid as relation, c.relowner, 0::int2 as attnum, g.grantee, g.privilege_type
      from pg_class c cross join aclexplode(c.relacl) g
     where c.relacl is not null
    union all
    select c.oid, c.relowner, a.attnum, g.grantee, g.privilege_type
      from pg_attribute a join pg_class c on c.oid = a.attrelid cross join aclexplode(a.attacl) g
     where a.attacl is not null and a.attnum > 0 and not a.attisdropped
  )
  select g.relation, g.attnum, g.grantee, a.name, g.privilege_type, a.is_admin
    from granted g join attacker a on a.oid = g.grantee
   where g.grantee <> g.relowner
$function$;
comment on function tenancy.exposed_grants() is 'internal: rights to relations (attnum 0) and columns that an attacker''s statement may use, without those of the owner; is_admin: of the role that on a protected table needs a bypass';

-- Tables that tenants write to, by their own name or through a parent: nobody else can try the values of a key.
create function tenancy.written_by_tenants() returns table (relation oid)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive written (relation) as (
    select g.relation from tenancy.exposed_grants() g where g.privilege in ('INSERT', 'UPDATE') and not g.is_admin
    union
    select h.inhrelid from pg_inherits h join written on h.inhparent = written.relation
  )
  select written.relation from written
$function$;
comment on function tenancy.written_by_tenants() is 'internal: relations that a tenant''s statement may insert into or update, or whose parent it may';

-- A key or index with the tenant column before its own: the statement that makes it.
create function tenancy.index_led_by_tenant(index_oid oid, tenant_column name) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with made as (
    select i.indexrelid::regclass as index, i.indrelid::regclass as relation, i.indisreplident, ic.relname, k.conname, k.contype,
           case when k.oid is not null then pg_get_constraintdef(k.oid) else pg_get_indexdef(i.indexrelid) end as definition,
           -- A quoted name may hold any text, so the head of CREATE INDEX is spelled out, not searched for.
           format(' INDEX %I ON %s%I.%I USING %I (', ic.relname, case c.relkind when 'p' then 'ONLY ' else '' end, n.nspname, c.relname, am.amname) as head,
           format('create %sindex %I on %s using btree (%I, ', case when i.indisunique then 'unique ' else '' end, ic.relname, i.indrelid::regclass, tenant_column) as new_head,
           coalesce(obj_description(k.oid, 'pg_constraint'), obj_description(i.indexrelid, 'pg_class')) as comment
      from pg_index i
      join pg_class ic on ic.oid = i.indexrelid
      join pg_am am on am.oid = ic.relam
      join pg_class c on c.oid = i.indrelid
      join pg_namespace n on n.oid = c.relnamespace
      left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
     where i.indexrelid = index_oid
  )
  select case
           when m.conname is not null then
             format('alter table %s drop constraint %I, add constraint %I %s%I%s, %s', m.relation, m.conname, m.conname,
                    left(m.definition, strpos(m.definition, '(')), tenant_column,
                    case m.contype when 'x' then ' with operator(pg_catalog.=)' else '' end,
                    substr(m.definition, strpos(m.definition, '(') + 1))
             || case when m.comment is not null then format('; comment on constraint %I on %s is %L', m.conname, m.relation, m.comment) else '' end
           else
             format('drop index %s; %s%s', m.index, m.new_head, substr(m.definition, strpos(m.definition, m.head) + length(m.head)))
             || case when m.comment is not null then format('; comment on index %s is %L', m.index, m.comment) else '' end
         end
         || case when m.indisreplident then format('; alter table %s replica identity using index %I', m.relation, m.relname) else '' end
    from made m
$function$;
comment on function tenancy.index_led_by_tenant(oid, name) is 'internal: the statement that makes a key or index again with the tenant column first';

-- Foreign keys between protected tables in which the tenants of both sides need not be the same. obstacle: why none of the
-- statements that follow can mend it.
create function tenancy.open_foreign_keys()
  returns table (foreign_key oid, name name, child regclass, parent regclass, parent_index oid, on_delete "char", on_update "char",
                 obstacle text, unique_statement text, clause text, comment_statement text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with open as materialized (
    select k.*, k.oid as key_oid, c.tenant_attnum as child_tenant, p.tenant_attnum as parent_tenant, c.tenant_column as child_column, p.tenant_column as parent_column,
           case
             when c.shared or p.shared then 'rows that are shared have no tenant, so no foreign key holds it; drop the key, or give the shared rows a table of their own'
             when p.tenant_attnum = any (k.confkey) or c.tenant_attnum = any (k.conkey) then 'it names a tenant that is not the row''s own; drop the key, or accept it where tenants may refer to each other'
             when c.tenant_type <> p.tenant_type and not (c.tenant_type in ('int4'::regtype, 'int8'::regtype) and p.tenant_type in ('int4'::regtype, 'int8'::regtype))
               then 'the tenant columns are of different types; give them the same one, then ask tenancy.check() again'
             -- Of PostgreSQL 18: PERIOD needs a key WITHOUT OVERLAPS on the other side.
             when (to_jsonb(k) ->> 'conperiod')::boolean then 'it refers to a period; make the parent''s key and this one again with the tenant first'
             when k.confdeltype in ('n', 'd') and current_setting('server_version_num')::integer < 150000
               then 'ON DELETE SET NULL or SET DEFAULT that leaves the tenant alone needs PostgreSQL 15; choose another action'
           end as why_not
      from pg_constraint k
      join tenancy.tenant_relations() c on c.relation = k.conrelid
      join tenancy.tenant_relations() p on p.relation = k.confrelid
     -- A key of a table of tenants is a tenant: what refers to it names a tenant and no row of one.
     where k.contype = 'f' and k.conparentid = 0 and not p.registry
       and not exists (select from unnest(k.conkey, k.confkey) as u (child, parent)
                        where u.child = c.tenant_attnum and u.parent = p.tenant_attnum)
  )
  select o.key_oid, o.conname, o.conrelid::regclass, o.confrelid::regclass, o.conindid, o.confdeltype, o.confupdtype, o.why_not,
         case when not known.has_unique then
           format('create unique index if not exists %I on %s (%I, %s)',
             case when octet_length(known.index_name) > 63
                       or exists (select from pg_class t join pg_class r on r.oid = o.confrelid
                                   where t.relname = known.index_name and t.relnamespace = r.relnamespace)
                  then left(known.relname, 10) || '_' || left(md5(known.index_name), 12) || '_key' else known.index_name end,
             o.confrelid::regclass, o.parent_column, pair.parent_columns) end,
         format('add constraint %I foreign key (%I, %s) references %s (%I, %s)%s%s%s%s%s', o.conname,
           o.child_column, pair.child_columns, o.confrelid::regclass, o.parent_column, pair.parent_columns,
           -- With the tenant, which is never NULL, MATCH FULL would refuse a row without a parent.
           case when o.confmatchtype = 'f' and not pair.nullable then ' match full' else '' end,
           -- SET NULL would take the tenant too, and there is no list of columns for ON UPDATE: the change is refused then.
           case o.confupdtype when 'r' then ' on update restrict' when 'c' then ' on update cascade' else '' end,
           case o.confdeltype when 'r' then ' on delete restrict' when 'c' then ' on delete cascade'
                              when 'n' then format(' on delete set null (%s)', pair.emptied_columns)
                              when 'd' then format(' on delete set default (%s)', pair.emptied_columns) else '' end,
           case when o.condeferrable then ' deferrable' || case when o.condeferred then ' initially deferred' else '' end else '' end,
           case when to_jsonb(o) ->> 'conenforced' = 'false' then ' not enforced' when not o.convalidated then ' not valid' else '' end)
         || case when o.confmatchtype = 'f' and pair.nullable and cardinality(o.conkey) > 1
                 then format(', drop constraint if exists %1$I, add constraint %1$I check (pg_catalog.num_nulls(%2$s) in (0, %3$s))',
                             'match_full_' || left(md5(o.conname), 12), pair.child_columns, cardinality(o.conkey)) else '' end,
         (select format('; comment on constraint %I on %s is %L', o.conname, o.conrelid::regclass, d.description)
            from pg_description d where d.classoid = 'pg_constraint'::regclass and d.objoid = o.key_oid and d.objsubid = 0)
    from open o
    cross join lateral (
      select string_agg(quote_ident(c.attname), ', ' order by u.position) as child_columns,
             string_agg(quote_ident(p.attname), ', ' order by u.position) as parent_columns,
             string_agg(p.attname, '_' order by u.position) as names,
             -- Servers before 15 have no such column, and then it means all.
             string_agg(quote_ident(c.attname), ', ' order by u.position)
               filter (where coalesce(to_jsonb(o) -> 'confdelsetcols' in ('null', '[]'), true)
                             or to_jsonb(o) -> 'confdelsetcols' @> to_jsonb(u.child)) as emptied_columns,
             bool_or(not c.attnotnull) as nullable,
             array_agg(u.parent order by u.parent) as parents
        from unnest(o.conkey, o.confkey) with ordinality as u (child, parent, position)
        join pg_attribute c on c.attrelid = o.conrelid and c.attnum = u.child
        join pg_attribute p on p.attrelid = o.confrelid and p.attnum = u.parent) pair
    cross join lateral (
      select r.relname, format('%s_%s_%s_key', r.relname, o.parent_column, pair.names) as index_name,
             exists (select from pg_index i
                      where i.indrelid = o.confrelid and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
                        and array(select c from unnest((i.indkey::int2[])[0:i.indnkeyatts - 1]) c order by c)
                          = array(select c from unnest(o.parent_tenant || pair.parents) c order by c)) as has_unique
        from pg_class r where r.oid = o.confrelid) known
$function$;
comment on function tenancy.open_foreign_keys() is 'internal: foreign keys between protected tables that do not hold the tenant, with the parts of their mend';

-- A statement that checks old rows. The planner calls functions that stand in indexes and checks, of both tables: where there
-- are such, they must not run as the superuser who mends.
create function tenancy.on_old_rows(child regclass, parent regclass, statement text) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select case when exists (
      select from (select 'pg_class'::regclass::oid as classid, i.indexrelid as objid from pg_index i
                    where i.indrelid in (child, parent) and (i.indexprs is not null or i.indpred is not null)
                   union all
                   select 'pg_constraint'::regclass, k.oid from pg_constraint k where k.conrelid in (child, parent) and k.contype = 'c') part
        join pg_depend d on d.classid = part.classid and d.objid = part.objid
         and d.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass))
    then format('select tenancy.run_on_rows(%1$L, array(select tenancy.with_children(%1$L) union select tenancy.with_children(%2$L)), %3$L)',
                child, parent, statement)
    else statement end
$function$;
comment on function tenancy.on_old_rows(regclass, regclass, text) is
  'internal: a statement that checks old rows, to be run as the owner where it may run code of his';

create function tenancy.mend_of_foreign_key(child regclass, parent regclass, name name, obstacle text, unique_statement text, clause text, comment_statement text)
  returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select coalesce('-- ' || obstacle,
                  coalesce(unique_statement || '; ', '')
                  || tenancy.on_old_rows(child, parent, format('alter table %s drop constraint %I, %s', child, name, clause))
                  || coalesce(comment_statement, ''))
$function$;
comment on function tenancy.mend_of_foreign_key(regclass, regclass, name, text, text, text, text) is 'internal: the mend of a foreign key, of its parts';

-- Unique keys without the tenant on tables that tenants write to, where somebody could choose or guess the values.
create function tenancy.open_keys()
  returns table (key_index oid, object text, relation regclass, columns int2[], mend text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with indexed as materialized (
    select i.indexrelid, i.indrelid, i.indisexclusion, (i.indkey::int2[])[0:i.indnkeyatts - 1] as columns, i.indkey::int2[] as all_columns,
           p.tenant_attnum, p.tenant_column, p.tenant_type, p.shared, k.oid as key_oid, k.conname, k.conexclop
      from pg_index i
      join tenancy.tenant_relations() p on p.relation = i.indrelid and not p.registry
      left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
     where (i.indisunique or i.indisexclusion) and i.indrelid in (select w.relation from tenancy.written_by_tenants() w)
  ), unchosen as materialized (
    -- A value that nobody chooses tells nobody anything: always generated, or drawn at random.
    select x.indexrelid
      from indexed x
      cross join unnest(x.columns) u (attnum)
      join pg_attribute a on a.attrelid = x.indrelid and a.attnum = u.attnum
      left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
     where a.attidentity = 'a'
        or a.atttypid = 'uuid'::regtype
           and pg_get_expr(d.adbin, d.adrelid) ~ '^(gen_random_uuid|uuidv4|uuidv7|[^()]+\.(gen_random_uuid|uuid_generate_v4))\(\)$'
  ), open as materialized (
    select x.*
      from indexed x
     where not exists (select from generate_subscripts(x.columns, 1) s
                        where x.columns[s] = x.tenant_attnum
                          -- An exclusion holds tenants apart when it asks the tenant for equality.
                          and (not x.indisexclusion
                               or x.conexclop[s] = any (array(select o.amopopr from pg_amop o join pg_am am on am.oid = o.amopmethod
                                                               where am.amname = 'btree' and o.amopstrategy = 3))))
       and not exists (select from pg_inherits h where h.inhrelid = x.indexrelid)
       and (x.indisexclusion or x.indexrelid not in (select u.indexrelid from unchosen u))
  ), referring as materialized (
    select f.* from tenancy.open_foreign_keys() f
     where f.obstacle is null and f.parent_index in (select o.indexrelid from open o)
  )
  select o.indexrelid,
         case when o.conname is not null then format('constraint %I on %s', o.conname, o.indrelid::regclass)
              else format('index %s', o.indexrelid::regclass) end,
         o.indrelid::regclass, o.columns,
         case
           when o.shared then '-- rows that are shared have no tenant to put into the key; make its values GENERATED ALWAYS AS IDENTITY or random uuids'
           when o.tenant_attnum = any (o.all_columns) and not o.indisexclusion then '-- its INCLUDE columns hold the tenant; make it again with the tenant first in the key'
           when o.indisexclusion and o.tenant_attnum = any (o.all_columns) then '-- it does not ask the tenant for equality; make it again with the tenant WITH ='
           when blocked.by is not null then
             -- A name may hold a line's end, which ends a comment.
             format('-- %s refers to it and cannot hold the tenant; protect that table or drop its foreign key first', translate(blocked.by, E'\n\r', '  '))
           else coalesce((select string_agg(format('alter table %s drop constraint %I; ', f.child, f.name), '' order by f.child::text, f.name)
                            from referring f where f.parent_index = o.indexrelid), '')
                || case when o.indisexclusion and not exists (
                          select from pg_opclass oc join pg_class ic on ic.relam = oc.opcmethod
                           where ic.oid = o.indexrelid and oc.opcdefault and oc.opcintype = o.tenant_type)
                        then 'create extension if not exists btree_gist; ' else '' end
                || tenancy.index_led_by_tenant(o.indexrelid, o.tenant_column)
                || coalesce((select string_agg('; ' || tenancy.on_old_rows(f.child, f.parent, format('alter table %s %s', f.child, f.clause)) || coalesce(f.comment_statement, ''), ''
                                          order by f.child::text, f.name)
                               from referring f where f.parent_index = o.indexrelid), '')
         end
    from open o
    left join lateral (
      select format('constraint %I on %s', k.conname, k.conrelid::regclass) as by
        from pg_constraint k
       where k.contype = 'f' and k.conparentid = 0 and k.confrelid = o.indrelid and k.conindid = o.indexrelid
         and k.oid not in (select f.foreign_key from referring f)
       order by 1 limit 1) blocked on true
$function$;
comment on function tenancy.open_keys() is 'internal: unique keys of protected tables that are checked on the rows of all tenants, with their mend';

revoke execute on function
  tenancy.tenant_relations(), tenancy.exposed_grants(), tenancy.written_by_tenants(),
  tenancy.index_led_by_tenant(oid, name), tenancy.open_foreign_keys(), tenancy.on_old_rows(regclass, regclass, text), tenancy.mend_of_foreign_key(regclass, regclass, name, text, text, text, text), tenancy.open_keys()
from public;

-- ---------------------------------------------------------------- foreign keys
select tenancy.define_rule('foreign_key_without_tenant', 'high', 'a foreign key that reaches other tenants'' rows');
create function tenancy.rule_foreign_key_without_tenant() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('constraint %I on %s', f.name, f.child),
         format('a tenant''s row in %s can point at another tenant''s row in %s; the error when there is none tells which keys exist, and the other tenant can no longer delete its row',
                f.child, f.parent),
         tenancy.mend_of_foreign_key(f.child, f.parent, f.name, f.obstacle, f.unique_statement, f.clause, f.comment_statement)
    from tenancy.open_foreign_keys() f
$function$;

select tenancy.define_rule('foreign_key_to_unprotected_table', 'medium', 'a foreign key of rows that tenants write to a table without protection');
create function tenancy.rule_foreign_key_to_unprotected_table() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('constraint %I on %s', k.conname, k.conrelid::regclass),
         format('the error of a missing parent tells which rows of %s there are, whether tenants may read it or not, and a row can refer to one that belongs to another tenant',
                k.confrelid::regclass),
         tenancy.advice('protect the table that it refers to: with its tenant column, or with reference => true where all tenants may know its rows')
    from pg_constraint k
    join tenancy.tenant_relations() c on c.relation = k.conrelid
   where k.contype = 'f' and k.conparentid = 0 and c.writable
     and k.confrelid not in (select p.relation from tenancy.protection p)
     -- The tenant itself: what it refers to is the table of tenants.
     and k.conkey <> array[c.tenant_attnum]
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = k.confrelid and d.deptype = 'e')
$function$;

select tenancy.define_rule('cascade_without_tenant', 'high', 'a foreign key that changes other tenants'' rows');
create function tenancy.rule_cascade_without_tenant() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('constraint %I on %s', f.name, f.child),
         format('a tenant who deletes or changes its row in %s thereby %s the rows in %s that point at it, of whatever tenant: row security is not asked',
                f.parent, case when 'c' in (f.on_delete, f.on_update) then 'deletes or changes' else 'changes' end, f.child),
         tenancy.mend_of_foreign_key(f.child, f.parent, f.name, f.obstacle, f.unique_statement, f.clause, f.comment_statement)
    from tenancy.open_foreign_keys() f
   where f.on_delete in ('c', 'n', 'd') or f.on_update in ('c', 'n', 'd')
$function$;

-- ---------------------------------------------------------------- unique keys and indexes
select tenancy.define_rule('unique_without_tenant', 'medium', 'a key that is unique over all tenants');
create function tenancy.rule_unique_without_tenant() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select k.object,
         format('a tenant who inserts into %s learns from the conflict that another tenant has the value, and can take values before others do', k.relation),
         k.mend
    from tenancy.open_keys() k
$function$;

-- Keys that are unique have the rule above. Other access methods than these have no leading column, or none for the tenant.
select tenancy.define_rule('index_not_led_by_tenant', 'medium', 'an index that is searched over all tenants');
create function tenancy.rule_index_not_led_by_tenant() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('index %s', i.indexrelid::regclass),
         format('a search through it reads the entries of all tenants in %s before row security hides them: the time it takes tells whether another tenant has the value, and how many',
                p.relation),
         tenancy.index_led_by_tenant(i.indexrelid, p.tenant_column)
    from tenancy.tenant_relations() p
    join pg_index i on i.indrelid = p.relation
    join pg_class ic on ic.oid = i.indexrelid
    join pg_am am on am.oid = ic.relam
   where not p.registry and not i.indisunique and not i.indisexclusion and am.amname in ('btree', 'hash')
     and (i.indkey::int2[])[0] <> p.tenant_attnum
     and not exists (select from pg_inherits h where h.inhrelid = i.indexrelid)
     -- At each attach the directory asks for a user's memberships in all tenants.
     and p.relation not in (select d.relation from tenancy.directory_table d)
$function$;

select tenancy.define_rule('no_index_on_tenant', 'medium', 'a protected table without an index on the tenant');
create function tenancy.rule_no_index_on_tenant() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select p.relation::text,
         format('each statement on %s reads the rows of all tenants: the time it takes tells how many the others have, and one tenant slows all down', p.relation),
         format('create index on %s (%s)', p.relation,
                (select string_agg(quote_ident(a.attname), ', ' order by k.position)
                   from (select p.tenant_attnum as attnum, 0::bigint as position
                         union all
                         select u.attnum, u.position
                           from pg_index i cross join unnest(i.indkey::int2[]) with ordinality as u (attnum, position)
                          where i.indrelid = p.relation and i.indisprimary and u.position <= i.indnkeyatts and u.attnum <> p.tenant_attnum) k
                   join pg_attribute a on a.attrelid = p.relation and a.attnum = k.attnum))
    from tenancy.tenant_relations() p
   where (p.relation::oid, p.tenant_attnum) not in (
           select i.indrelid, i.indkey[0]
             from pg_index i
             join pg_class ic on ic.oid = i.indexrelid
             join pg_am am on am.oid = ic.relam
            where i.indisvalid and i.indpred is null and am.amname = 'btree')
$function$;

-- ---------------------------------------------------------------- sequences
select tenancy.define_rule('guessable_or_writable_sequence_key', 'medium', 'a key from a sequence that tenants may choose');
create function tenancy.rule_guessable_or_writable_sequence_key() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('column %I of %s', a.attname, k.relation),
         format('a tenant who inserts into %s may choose the key: it takes the next values of the sequence in advance, and the inserts of all other tenants fail', k.relation),
         case
           -- An identity is not handed down to partitions and children there are; the tenant in the key does as well.
           when exists (select from pg_inherits h where h.inhparent = k.relation or h.inhrelid = k.relation) then k.mend
           when a.attidentity = 'd' then format('alter table %s alter column %I set generated always', k.relation, a.attname)
           else format('alter table %1$s alter column %2$I drop default', k.relation, a.attname)
                || case when s.owned then format('; alter sequence %s owned by none', s.sequence) else '' end
                || '; ' || tenancy.on_old_rows(k.relation, k.relation,
                     format('alter table %1$s alter column %2$I set not null, alter column %2$I add generated always as identity', k.relation, a.attname))
                || format('; select pg_catalog.setval(pg_catalog.pg_get_serial_sequence(%L, %L), pg_catalog.nextval(%L))', k.relation::text, a.attname, s.sequence::text)
                || case when s.owned then format('; drop sequence %s', s.sequence) else '' end
         end
    from tenancy.open_keys() k
    join pg_attribute a on a.attrelid = k.relation and a.attnum = k.columns[1]
    left join lateral (
      select d.refobjid::regclass as sequence,
             exists (select from pg_depend o where o.classid = 'pg_class'::regclass and o.objid = d.refobjid
                        and o.refclassid = 'pg_class'::regclass and o.refobjid = a.attrelid and o.refobjsubid = a.attnum and o.deptype = 'a') as owned
        from pg_attrdef e
        join pg_depend d on d.classid = 'pg_attrdef'::regclass and d.objid = e.oid and d.refclassid = 'pg_class'::regclass
        join pg_class c on c.oid = d.refobjid and c.relkind = 'S'
       where e.adrelid = a.attrelid and e.adnum = a.attnum and pg_get_expr(e.adbin, e.adrelid) ~ '^nextval\('
       limit 1) s on true
   where cardinality(k.columns) = 1 and (a.attidentity = 'd' or s.sequence is not null)
   group by a.attrelid, a.attname, a.attidentity, k.relation, s.sequence, s.owned, k.mend
$function$;

select tenancy.define_rule('sequence_update_granted', 'medium', 'a sequence that an attacker may set');
create function tenancy.rule_sequence_update_granted() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select format('sequence %s', c.oid::regclass),
         format('%s may set it back with setval(): the next keys of all tenants are taken already and their inserts fail, or go where the attacker wants them',
                string_agg(distinct g.grantee_name, ', ')),
         format('revoke update on sequence %s from %s', c.oid::regclass, string_agg(distinct g.grantee_name, ', '))
    from tenancy.exposed_grants() g
    join pg_class c on c.oid = g.relation
    join pg_namespace n on n.oid = c.relnamespace
   where c.relkind = 'S' and c.relpersistence <> 't' and g.privilege = 'UPDATE' and g.attnum = 0
     and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
   group by c.oid
$function$;
