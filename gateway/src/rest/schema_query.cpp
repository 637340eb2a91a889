#include "rest/schema_query.hpp"

namespace gateway::rest {

// Rights are letters: s(elect), i(nsert), u(pdate), d(elete), e(xecute). A column's letters are asked for only where the
// relation as a whole has none: with many tables that is most of the time saved.
// `reach` is what is exposed and what the views among it are made of, at any depth.
const db::Statement schema_query{"schema", R"(
with recursive exposed_schema as (
    select n.oid, n.nspname from pg_namespace n where n.nspname = $1
), role as (
    select r.oid, r.rolname from pg_roles r cross join exposed_schema n
    where r.rolname in ('tenancy_user', 'tenancy_admin') and has_schema_privilege(r.oid, n.oid, 'usage')
), candidate as materialized (
    select c.oid, r.rolname,
           concat(case when has_table_privilege(r.oid, c.oid, 'select') then 's' end,
                  case when has_table_privilege(r.oid, c.oid, 'insert') then 'i' end,
                  case when has_table_privilege(r.oid, c.oid, 'update') then 'u' end,
                  case when has_table_privilege(r.oid, c.oid, 'delete') then 'd' end) as whole,
           concat(case when has_any_column_privilege(r.oid, c.oid, 'select') then 's' end,
                  case when has_any_column_privilege(r.oid, c.oid, 'insert') then 'i' end,
                  case when has_any_column_privilege(r.oid, c.oid, 'update') then 'u' end,
                  case when has_table_privilege(r.oid, c.oid, 'delete') then 'd' end) as some
    from pg_class c join exposed_schema n on n.oid = c.relnamespace cross join role r
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
), exposed as materialized (
    select c.oid,
           max(c.some) filter (where c.rolname = 'tenancy_user') as user_rights,
           max(c.some) filter (where c.rolname = 'tenancy_admin') as admin_rights,
           max(c.whole) filter (where c.rolname = 'tenancy_user') as user_whole,
           max(c.whole) filter (where c.rolname = 'tenancy_admin') as admin_whole
    from candidate c group by c.oid having bool_or(c.some <> '')
), reach(oid) as (
    select e.oid from exposed e
    union
    select d.refobjid
    from reach join pg_rewrite w on w.ev_class = reach.oid and w.rulename = '_RETURN'
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
    where d.refobjid <> reach.oid
), relation as materialized (
    select c.oid, c.relname, c.relkind, e.user_rights, e.admin_rights, e.oid is not null as exposed
    from reach join pg_class c on c.oid = reach.oid left join exposed e on e.oid = c.oid
    where c.relkind in ('r', 'p', 'v', 'm', 'f')
), attribute as materialized (
    select r.oid as relation, r.relkind, r.exposed, a.*
    from relation r join pg_attribute a on a.attrelid = r.oid where a.attnum > 0 and not a.attisdropped
), function as materialized (
    select p.oid, p.proname, p.prorettype, p.proretset, p.provolatile, p.proargnames, p.pronargdefaults, p.provariadic,
           coalesce(p.proallargtypes, p.proargtypes::oid[]) as types, p.proargmodes as modes,
           rights.user_right, rights.admin_right
    from pg_proc p join exposed_schema n on n.oid = p.pronamespace
    cross join lateral (
        select coalesce(bool_or(r.rolname = 'tenancy_user'), false) as user_right,
               coalesce(bool_or(r.rolname = 'tenancy_admin'), false) as admin_right
        from role r where has_function_privilege(r.oid, p.oid, 'execute')) rights
    where p.prokind = 'f' and (rights.user_right or rights.admin_right)
      and not exists (select from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) as argument
                      join pg_type t on t.oid = argument where t.typtype = 'p')
      and not exists (select from pg_type t where t.oid = p.prorettype and t.typtype = 'p' and t.typname <> 'void'
                      and not (t.typname = 'record' and p.proargmodes && '{b,o,t}'::"char"[]))
), returned_attribute as materialized (
    select distinct a.attrelid, a.attnum, a.attname, a.atttypid
    from function f join pg_type t on t.oid = f.prorettype and t.typtype = 'c'
    join pg_attribute a on a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
), used_type(oid) as (
    (select a.atttypid from attribute a union select a.atttypid from returned_attribute a
     union select f.prorettype from function f union select unnest(f.types) from function f)
    union
    select inner_type
    from used_type u join pg_type t on t.oid = u.oid
    left join pg_range g on g.rngtypid = t.oid or g.rngmultitypid = t.oid
    cross join lateral (values (t.typbasetype), (t.typelem), (g.rngsubtype)) as v(inner_type)
    where inner_type <> 0
)
select 'schema', json_build_object('comment', obj_description(n.oid, 'pg_namespace')) from exposed_schema n
union all
select 'relation', json_build_object(
           'oid', r.oid::int8, 'name', r.relname, 'kind', r.relkind, 'exposed', r.exposed, 'user', r.user_rights,
           'admin', r.admin_rights, 'comment', case when r.exposed then obj_description(r.oid, 'pg_class') end,
           'takes', case when not r.exposed then null when r.relkind in ('r', 'p') then 'iud'
                         when r.relkind = 'm' then ''
                         else concat(case when events & 8 > 0 then 'i' end, case when events & 4 > 0 then 'u' end,
                                     case when events & 16 > 0 then 'd' end) end)
from relation r
cross join lateral (select case when r.exposed and r.relkind in ('v', 'f') then pg_relation_is_updatable(r.oid, true) end as events) e
union all
select 'column', json_build_object(
           'relation', a.relation::int8, 'number', a.attnum, 'name', a.attname, 'type', a.atttypid::int8, 'modifier', a.atttypmod,
           'not_null', a.attnotnull, 'identity', a.attidentity, 'generated', a.attgenerated,
           'default', pg_get_expr(d.adbin, d.adrelid),
           'comment', col_description(a.relation, a.attnum),
           'fixed', a.exposed and a.relkind = 'v' and not pg_column_is_updatable(a.relation, a.attnum, true)
                    and not exists (select from pg_trigger t where t.tgrelid = a.relation and t.tgtype & 64 > 0),
           'user', concat(
               case when e.user_whole like '%s%' or has_column_privilege(u.oid, a.relation, a.attnum, 'select') then 's' end,
               case when e.user_whole like '%i%' or has_column_privilege(u.oid, a.relation, a.attnum, 'insert') then 'i' end,
               case when e.user_whole like '%u%' or has_column_privilege(u.oid, a.relation, a.attnum, 'update') then 'u' end),
           'admin', concat(
               case when e.admin_whole like '%s%' or has_column_privilege(o.oid, a.relation, a.attnum, 'select') then 's' end,
               case when e.admin_whole like '%i%' or has_column_privilege(o.oid, a.relation, a.attnum, 'insert') then 'i' end,
               case when e.admin_whole like '%u%' or has_column_privilege(o.oid, a.relation, a.attnum, 'update') then 'u' end))
from attribute a
left join pg_attrdef d on d.adrelid = a.relation and d.adnum = a.attnum
left join exposed e on e.oid = a.relation
left join role u on a.exposed and u.rolname = 'tenancy_user'
left join role o on a.exposed and o.rolname = 'tenancy_admin'
union all
select 'view', json_build_object('relation', r.oid::int8, 'tree', w.ev_action::text)
from relation r join pg_rewrite w on w.ev_class = r.oid and w.rulename = '_RETURN'
where r.relkind in ('v', 'm') and pg_column_size(w.ev_action) <= 200000
union all
select 'key', json_build_object('relation', i.indrelid::int8, 'primary', i.indisprimary,
           'columns', (select json_agg(k order by n) from unnest(i.indkey::int2[]) with ordinality as u(k, n) where n <= i.indnkeyatts))
from relation r join pg_index i on i.indrelid = r.oid
where i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
union all
select 'foreign_key', json_build_object('name', k.conname, 'from', k.conrelid::int8, 'from_columns', k.conkey,
                                        'to', k.confrelid::int8, 'to_columns', k.confkey)
from pg_constraint k join relation f on f.oid = k.conrelid join relation t on t.oid = k.confrelid
where k.contype = 'f' and k.conparentid = 0 and k.convalidated
union all
select 'function', json_build_object(
           'name', f.proname, 'types', f.types::int8[], 'modes', f.modes, 'names', f.proargnames, 'defaults', f.pronargdefaults,
           'returns', f.prorettype::int8, 'set', f.proretset, 'volatility', f.provolatile,
           'comment', obj_description(f.oid, 'pg_proc'), 'user', f.user_right, 'admin', f.admin_right)
from function f
union all
select 'returned', json_build_object('relation', a.attrelid::int8, 'number', a.attnum, 'name', a.attname, 'type', a.atttypid::int8)
from returned_attribute a
union all
select 'type', json_build_object(
           'oid', t.oid::int8, 'name', format_type(t.oid, -1), 'kind', t.typtype, 'category', t.typcategory, 'base', t.typbasetype::int8,
           'modifier', t.typtypmod, 'not_null', t.typnotnull, 'element', t.typelem::int8, 'bounds', g.rngsubtype::int8,
           'relation', t.typrelid::int8,
           'labels', case when t.typtype = 'e' then
               (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid) end)
from pg_type t left join pg_range g on g.rngtypid = t.oid or g.rngmultitypid = t.oid
where t.oid in (select u.oid from used_type u))"};

} // namespace gateway::rest
