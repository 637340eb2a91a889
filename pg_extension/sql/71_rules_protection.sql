-- Rules: is every table with tenants' rows protected, and wholly? What the policies of other people say is in the next file.

-- A mend that no statement can be: a comment. A name may hold a line break, after which the rest would be a statement.
create function tenancy.advice(advice text) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select '-- ' || regexp_replace(advice, '[\r\n]+', ' ', 'g')
$function$;
comment on function tenancy.advice(text) is 'internal: the mend of a finding that only a person can mend, as a comment of SQL on one line';

-- What the directory reads, through however many views.
create view tenancy.directory_table as
  with recursive reads (relation) as (
    select v.view::pg_catalog.oid
      from tenancy.directory d cross join lateral (values (d.accounts), (d.memberships)) as v (view)
    union
    select d.refobjid
      from reads
      join pg_catalog.pg_rewrite r on r.ev_class = reads.relation
      join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
       and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
  )
  select c.oid::pg_catalog.regclass as relation,
         -- Nobody but the owner has a right to it or to a column of it.
         not exists (select from pg_catalog.aclexplode(c.relacl) g where g.grantee <> c.relowner)
         and not exists (select from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attacl is not null) as private
    from reads join pg_catalog.pg_class c on c.oid = reads.relation and c.relkind in ('r', 'p');
comment on view tenancy.directory_table is 'internal: tables that the registered directory reads, and whether they are granted to nobody';
revoke all on tenancy.directory_table from public;

-- Tables that hold rows of tenants: protected ones, and those with a column of the name that protected tables use.
create view tenancy.tenant_table as
  with tenant_name (name) as (
    select 'tenant_id'::pg_catalog.name
    union
    -- Not the key of a table of tenants: "id" is everywhere.
    select p.tenant_column from tenancy.protection p
     where p.kind = 'tenant' and not p.registry and not p.is_child and p.tenant_column is not null
  ), holder as (
    select distinct on (a.attrelid) a.attrelid, a.attname, a.atttypid
      from pg_catalog.pg_attribute a
     where a.attname in (select n.name from tenant_name n) and a.attnum > 0 and not a.attisdropped
     order by a.attrelid, a.attname <> 'tenant_id', a.attname
  )
  select c.oid::pg_catalog.regclass as relation, c.relowner, c.relrowsecurity, c.relforcerowsecurity,
         h.attname as tenant_column,
         p.oid is not null as protected,
         exists (select from pg_catalog.pg_inherits i
                   join pg_catalog.pg_attribute a on a.attrelid = i.inhparent and a.attname = h.attname and not a.attisdropped
                  where i.inhrelid = c.oid) as is_child
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join holder h on h.attrelid = c.oid
    left join pg_catalog.pg_policy p on p.polrelid = c.oid and p.polname = 'tenancy_tenant'
   where (h.attrelid is not null or p.oid is not null)
     and c.relkind in ('r', 'p') and c.relpersistence <> 't'
     and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
     and not exists (select from pg_catalog.pg_depend d
                      where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e');
comment on view tenancy.tenant_table is
  'internal: tables with tenants'' rows, protected or not, and their column';
revoke all on tenancy.tenant_table from public;

-- The first call for a table that is not protected. Who could not write before cannot write after.
create function tenancy.protect_first(relation regclass, tenant_column name) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  type oid := (select a.atttypid from pg_attribute a where a.attrelid = relation and a.attname = tenant_column);
  privileges text[];
begin
  if tenant_column is null then
    return null;
  elsif tenancy.reader_for(type) is null then
    return tenancy.advice(format('make column %I of %s bigint, integer, uuid or text, then call tenancy.protect()', tenant_column, relation));
  end if;
  select array_agg(g.privilege_type) into privileges
    from pg_class c cross join aclexplode(c.relacl) g join pg_roles r on r.oid = g.grantee
   where c.oid = relation and r.rolname = 'tenancy_user';
  return format('select step from tenancy.protect(%L, %L%s)', relation, tenant_column,
    case when not privileges && array['INSERT', 'UPDATE', 'DELETE'] or exists (select from tenancy.directory_table d where d.relation = protect_first.relation)
         then ', access => ' || quote_literal('read') end);
end
$function$;
comment on function tenancy.protect_first(regclass, name) is 'internal: the call of tenancy.protect() that mends a table that is not protected yet';

-- The call that protects again with the options there are. At the top of the tree: it works on all below, and rights are
-- there alone.
create function tenancy.protect_again(relation regclass, tenant_column name, owner_column name) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive up (relation, depth) as (
    select protect_again.relation::oid, 0
    union
    select i.inhparent, up.depth + 1
      from up join pg_inherits i on i.inhrelid = up.relation
     where exists (select from pg_policy p where p.polrelid = i.inhparent and p.polname = 'tenancy_tenant')
  ), top as (
    select u.relation::regclass as relation from up u order by u.depth desc limit 1
  )
  select case when exists (select from pg_policy p where p.polrelid = t.relation and p.polname = 'tenancy_reference')
                   and protect_again.tenant_column is null
              then format('select step from tenancy.protect(%L, reference => true)', t.relation)
              when protect_again.tenant_column is null
              then tenancy.advice(format('select step from tenancy.protect(%L, ''the column of the tenant'')', t.relation))
              else format('select step from tenancy.protect(%L, %L%s%s%s)', t.relation, protect_again.tenant_column,
                          case when not exists (select from aclexplode(c.relacl) g join pg_roles r on r.oid = g.grantee
                                                 where r.rolname = 'tenancy_user' and g.privilege_type in ('INSERT', 'UPDATE', 'DELETE'))
                               then ', access => ''read''' end,
                          ', owner_column => ' || quote_literal(protect_again.owner_column),
                          case when not a.attnotnull and exists (select from pg_policy p where p.polrelid = t.relation and p.polname = 'tenancy_shared')
                               then ', shared => true' end) end
    from top t
    join pg_class c on c.oid = t.relation
    left join pg_attribute a on a.attrelid = t.relation and a.attname = protect_again.tenant_column
$function$;
comment on function tenancy.protect_again(regclass, name, name) is
  'internal: the call of tenancy.protect() that mends a protected table, or its topmost protected parent, with the options it has';

revoke execute on function tenancy.advice(text), tenancy.protect_first(regclass, name), tenancy.protect_again(regclass, name, name)
from public;

select tenancy.define_rule('rls_disabled_on_tenant_table', 'critical', 'a table with tenants'' rows that row security does not guard');
create function tenancy.rule_rls_disabled_on_tenant_table() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select t.relation::text,
         format('whoever has a right to %s, its owner %I above all, reads and changes the rows of all tenants', t.relation, pg_get_userbyid(t.relowner)),
         case when t.protected
              then tenancy.protect_again(t.relation, coalesce(p.tenant_column, t.tenant_column), p.owner_column) else tenancy.protect_first(t.relation, t.tenant_column) end
    from tenancy.tenant_table t
    left join tenancy.protection p on p.relation = t.relation and p.kind = 'tenant'
   where not t.relrowsecurity and not t.is_child
     and (t.protected or not exists (select from pg_policy o where o.polrelid = t.relation))
     -- The directory is read before there is a tenant.
     and (t.protected or t.relation not in (select d.relation from tenancy.directory_table d where d.private))
$function$;

select tenancy.define_rule('policy_without_rls', 'critical', 'policies that do nothing, because row security is not enabled');
create function tenancy.rule_policy_without_rls() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select c.oid::regclass::text,
         format('the policies of %s look like protection, but whoever has a right to it reads and changes every row', c.oid::regclass),
         format('alter table %s enable row level security', c.oid::regclass)
    from pg_class c
   where not c.relrowsecurity and c.relpersistence <> 't'
     and c.oid in (select p.polrelid from pg_policy p)
     and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'tenancy_tenant') -- rls_disabled_on_tenant_table says it
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
$function$;

select tenancy.define_rule('rls_not_forced', 'critical', 'a table with tenants'' rows whose owner is not held');
create function tenancy.rule_rls_not_forced() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select t.relation::text,
         format('whoever runs a statement as the owner %I (a migration, a SECURITY DEFINER function) sees and changes the rows of all tenants', pg_get_userbyid(t.relowner)),
         format('alter table %s force row level security', t.relation)
    from tenancy.tenant_table t
   where t.relrowsecurity and not t.relforcerowsecurity
     and exists (select from pg_policy p where p.polrelid = t.relation)
$function$;

select tenancy.define_rule('rls_without_policy', 'medium', 'row security without any policy: rights are granted, and nobody but the owner sees a row');
create function tenancy.rule_rls_without_policy() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  -- The few candidates first: the planner would ask for the tenant column of each table again and again.
  with closed as materialized (
    select c.oid, c.relacl, c.relowner
      from pg_class c
     where c.relrowsecurity and c.relpersistence <> 't'
       and c.oid not in (select p.polrelid from pg_policy p)
       and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  ), tenants as materialized (
    select t.* from tenancy.tenant_table t where exists (select from closed)
  )
  select c.oid::regclass::text,
         format('nothing yet; but rights to %s are granted that show no row, and whoever repairs that in haste disables row security', c.oid::regclass),
         coalesce(tenancy.protect_first(t.relation, t.tenant_column),
                  tenancy.advice(format('create a policy on %s for those who shall see its rows, or revoke their rights', c.oid::regclass)))
    from closed c
    left join tenants t on t.relation = c.oid
   where t.is_child is not true
     -- Without rights it is one of the ways to keep a table to oneself.
     and (t.relation is not null or exists (select from aclexplode(c.relacl) g where g.grantee <> c.relowner))
$function$;

select tenancy.define_rule('tenant_column_nullable', 'high', 'a tenant column that may be NULL');
create function tenancy.rule_tenant_column_nullable() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select p.relation::text,
         format('a row of %s without a tenant is nobody''s: no tenant sees it, its keys are taken, and a policy or view that is lenient with NULL shows it to all', p.relation),
         -- Not ALTER TABLE: for that, functions in the owner's constraints run as whoever mends.
         tenancy.protect_again(p.relation, p.tenant_column, p.owner_column)
    from tenancy.protection p
    join pg_attribute a on a.attrelid = p.relation and a.attnum = p.tenant_attnum
   where p.kind = 'tenant' and not a.attnotnull and not p.shared and not p.is_child
$function$;

select tenancy.define_rule('inheritance_tree_partly_protected', 'critical', 'a partition, child or parent of a protected table that is not protected like it');
create function tenancy.rule_inheritance_tree_partly_protected() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  -- Below: each partition can be read by its own name, and then its own policies hold.
  (select distinct on (c.oid) c.oid::regclass::text,
          format('whoever has a right to %s reads and changes the rows of all tenants that %s keeps apart', c.oid::regclass, p.relation),
          tenancy.protect_again(p.relation, p.tenant_column, p.owner_column)
     from tenancy.protection p
     join pg_inherits i on i.inhparent = p.relation
     join pg_class c on c.oid = i.inhrelid and c.relkind in ('r', 'p') and c.relpersistence <> 't'
     left join tenancy.protection child on child.relation = c.oid
    where p.kind = 'tenant'
      and (not c.relrowsecurity or child.kind is distinct from 'tenant'
           -- Another column; where a policy is no comparison at all, protection_not_intact says so.
           or child.tenant_column <> p.tenant_column)
    order by c.oid, p.relation)
  union all
  -- Above: through a parent its policies alone hold. One with the tenant column is a finding of its own.
  select i.inhparent::regclass::text,
         format('whoever has a right to %s reads the rows of all tenants in %s through it', i.inhparent::regclass,
                string_agg(i.inhrelid::regclass::text, ', ' order by i.inhrelid)),
         string_agg(format('alter table %s no inherit %s', i.inhrelid::regclass, i.inhparent::regclass), '; ' order by i.inhrelid)
    from pg_inherits i
    join pg_policy p on p.polrelid = i.inhrelid and p.polname = 'tenancy_tenant'
   where i.inhparent not in (select t.relation from tenancy.tenant_table t)
   group by i.inhparent
$function$;

-- Every policy of our names, against what tenancy.protect() makes. The one rule that trusts no name: the others leave
-- policies of these names to it.
select tenancy.define_rule('protection_not_intact', 'critical', 'a policy of tenancy.protect() that is missing or is not what it was');
create function tenancy.rule_protection_not_intact() returns setof tenancy.finding
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with present as materialized (
    select p.polrelid, p.polname, p.polcmd, p.polpermissive, p.polroles,
           pg_get_expr(p.polqual, p.polrelid) as readable, pg_get_expr(p.polwithcheck, p.polrelid) as writable,
           -- Digits alone: a name in the tree may be ":varattno", too.
           substring(split_part(p.polqual::text, ':varattno ', 2), '^\d+')::int2 as first_attnum,
           substring(split_part(p.polqual::text, ':varattno ', 3), '^\d+')::int2 as second_attnum
      from pg_policy p
     where p.polname = any (tenancy.our_policies())
  ), reader (type, tenant, account) as (
    values ('bigint'::regtype, 'tenancy.tenant_bigint()', 'tenancy.user_bigint()'),
           ('integer'::regtype, 'tenancy.tenant_bigint()', 'tenancy.user_bigint()'),
           ('uuid'::regtype, 'tenancy.tenant_uuid()', 'tenancy.user_uuid()'),
           ('text'::regtype, 'tenancy.tenant_id()', 'tenancy.user_id()')
  ), claim as (
    -- What the policies say the table's rows belong to. The text is exact, so only columns and readers are in it.
    select s.polrelid, s.polname, s.tenant_column, s.owner_column, s.tenant_reader, s.own
      from (select p.polrelid, p.polname, p.readable, t.attname as tenant_column, o.attname as owner_column, tr.tenant as tenant_reader,
                   case when p.second_attnum is null then format('(%I = %s)', t.attname, tr.tenant)
                        else format('((%I = %s) AND (%I = %s))', t.attname, tr.tenant, o.attname, ar.account) end as own
              from present p
              join pg_attribute t on t.attrelid = p.polrelid and t.attnum = p.first_attnum
              join reader tr on tr.type = t.atttypid
              left join pg_attribute o on o.attrelid = p.polrelid and o.attnum = p.second_attnum
              left join reader ar on ar.type = o.atttypid
             where p.polname in ('tenancy_tenant', 'tenancy_wall', 'tenancy_wall_update')) s
     where s.readable = s.own
  ), kind as (
    select p.polrelid,
           bool_or(p.polname <> 'tenancy_reference') as is_tenant,
           bool_or(p.polname = 'tenancy_shared') as has_shared
      from present p group by p.polrelid
  ), claimed as (
    -- The narrowest claim: one of the policies may have lost its owner's half.
    select distinct on (c.polrelid) c.polrelid, c.tenant_column, c.owner_column, c.tenant_reader, c.own,
           count(*) over (partition by c.polrelid, c.tenant_column) = count(*) over (partition by c.polrelid) as agreed
      from claim c
     order by c.polrelid, c.owner_column is null, c.polname
  ), wanted as (
    select k.polrelid, w.polname, w.polcmd, w.polpermissive,
           array[case when w.role_name = 'public' then 0 else (select r.oid from pg_roles r where r.rolname = w.role_name) end] as polroles,
           w.readable, w.writable
      from kind k
      left join claimed c on c.polrelid = k.polrelid
      left join pg_attribute a on a.attrelid = k.polrelid and a.attname = c.tenant_column
      cross join lateral (select k.has_shared and a.attnotnull is not true as is_shared,
                                 format('((%I IS NULL) AND (%s IS NOT NULL))', c.tenant_column, c.tenant_reader) as shared_rows
                           where c.polrelid is not null
                          union all
                          select false, null where c.polrelid is null) s
      cross join lateral (values
        ('tenancy_tenant'::name, '*'::"char", true, 'public'::name, c.own, c.own, true),
        ('tenancy_wall', '*', false, 'tenancy_user', c.own, c.own, not s.is_shared),
        ('tenancy_shared', 'r', true, 'public', s.shared_rows, null, s.is_shared),
        ('tenancy_wall', 'r', false, 'tenancy_user', '(' || c.own || ' OR ' || s.shared_rows || ')', null, s.is_shared),
        ('tenancy_wall_insert', 'a', false, 'tenancy_user', null, c.own, s.is_shared),
        ('tenancy_wall_update', 'w', false, 'tenancy_user', c.own, c.own, s.is_shared),
        ('tenancy_wall_delete', 'd', false, 'tenancy_user', c.own, null, s.is_shared),
        ('tenancy_bypass', '*', true, 'tenancy_admin', 'tenancy.bypassing()', 'tenancy.bypassing()', true),
        ('tenancy_bypass_wall', '*', false, 'tenancy_admin', 'tenancy.bypassing()', 'tenancy.bypassing()', true)
      ) as w (polname, polcmd, polpermissive, role_name, readable, writable, is_wanted)
     where k.is_tenant and w.is_wanted
    union all
    select k.polrelid, 'tenancy_reference', 'r', true, array[0::oid], 'true', null from kind k where not k.is_tenant
  ), broken as (
    -- No claim at all: the tenant's policies are wanted with NULL in both places, which no policy has.
    select coalesce(w.polrelid, p.polrelid)::regclass as relation, coalesce(w.polname, p.polname) as polname,
           p.polname is null as missing, w.polname is null as unwanted, w.polpermissive as permissive
      from wanted w
      full join present p on p.polrelid = w.polrelid and p.polname = w.polname
     where p.polname is null or w.polname is null
        or (p.polcmd, p.polpermissive, p.polroles, p.readable, p.writable)
           is distinct from (w.polcmd, w.polpermissive, w.polroles, w.readable, w.writable)
  )
  select format('policy "%s" on %s', b.polname, b.relation),
         case when b.missing and b.permissive then format('nothing, but people who should see rows do not: the policy that tenancy.protect() made on %s is gone', b.relation)
              when b.missing then format('the policy that holds against permissive ones which somebody adds to %s is gone: with such a one a tenant sees other tenants'' rows', b.relation)
              when b.unwanted then format('it is taken for a policy of tenancy.protect() on %s, and is none', b.relation)
              else format('its rows, roles or command are not those that tenancy.protect() gives it: rows of other tenants in %s can be read or written', b.relation) end,
         case when b.unwanted then format('drop policy %I on %s', b.polname, b.relation)
              when not coalesce(c.agreed, true)
              then tenancy.advice(format('the policies of %s disagree about the column of the tenant: select step from tenancy.protect(%L, ''the right one'')', b.relation, b.relation))
              else tenancy.protect_again(b.relation, coalesce(c.tenant_column, t.tenant_column), c.owner_column) end
    from broken b
    left join claimed c on c.polrelid = b.relation
    left join tenancy.tenant_table t on t.relation = b.relation
$function$;
