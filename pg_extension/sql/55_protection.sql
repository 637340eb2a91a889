-- What is protected, read from the catalog: the one reader of it for everything that comes after. Many rules of
-- tenancy.check() ask it, so it must stay cheap for thousands of tables.

create view tenancy.protection as
  select c.oid::regclass as relation,
         c.relowner,
         c.relkind,
         case p.polname when 'tenancy_reference' then 'reference' else 'tenant' end as kind,
         a.attname as tenant_column,
         a.attnum as tenant_attnum,
         a.atttypid as tenant_type,
         o.attname as owner_column,
         o.attnum as owner_attnum,
         exists (select from pg_catalog.aclexplode(c.relacl) g
                  where g.privilege_type = 'INSERT'
                     and g.grantee = (select r.oid from pg_catalog.pg_roles r where r.rolname = 'tenancy_user')) as writable,
         exists (select from pg_catalog.pg_policy s where s.polrelid = c.oid and s.polname = 'tenancy_shared') as shared,
         -- A table of the tenants themselves: its key is the tenant.
         exists (select from pg_catalog.pg_index i
                  where i.indrelid = c.oid and i.indisprimary and i.indnkeyatts = 1 and i.indkey[0] = a.attnum) as registry,
         exists (select from pg_catalog.pg_inherits h
                   join pg_catalog.pg_policy pp on pp.polrelid = h.inhparent and pp.polname = p.polname
                  where h.inhrelid = c.oid) as is_child
    from pg_catalog.pg_policy p
    join pg_catalog.pg_class c on c.oid = p.polrelid
    -- The stored tree rather than pg_get_expr(), which costs ten times as much: the first column in it is the tenant's,
    -- the second the owner's. OFFSET 0: once for each policy, not once for each column of its table.
    cross join lateral (
      select pg_catalog.substring(p.polqual::pg_catalog.text, ':varattno (\d+)')::pg_catalog.int2 as tenant,
             pg_catalog.substring(p.polqual::pg_catalog.text, ':varattno \d+ .*:varattno (\d+)')::pg_catalog.int2 as owner
      offset 0) v
    left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = v.tenant
    left join pg_catalog.pg_attribute o on o.attrelid = c.oid and o.attnum = v.owner
   where p.polname in ('tenancy_tenant', 'tenancy_reference');
comment on view tenancy.protection is 'internal: relations that tenancy.protect() covers, with their columns and options; read from the policies';
comment on column tenancy.protection.relation is 'the table, partition or child';
comment on column tenancy.protection.relowner is 'its owner';
comment on column tenancy.protection.relkind is 'r: table, p: partitioned table';
comment on column tenancy.protection.kind is 'tenant: each row belongs to a tenant; reference: the same rows for all';
comment on column tenancy.protection.tenant_column is 'column that holds the tenant';
comment on column tenancy.protection.tenant_attnum is 'its number';
comment on column tenancy.protection.tenant_type is 'its type';
comment on column tenancy.protection.owner_column is 'column that holds the user, where rows belong to a user inside the tenant';
comment on column tenancy.protection.owner_attnum is 'its number';
comment on column tenancy.protection.writable is 'whether tenancy_user may write';
comment on column tenancy.protection.shared is 'whether rows without a tenant are there for all to read';
comment on column tenancy.protection.registry is 'whether it is a table of the tenants themselves';
comment on column tenancy.protection.is_child is 'whether a parent is protected too';
revoke all on tenancy.protection from public;
grant select on tenancy.protection to pg_database_owner;

-- Who an attacker may be: the extension's roles for statements, the gateway's, and every login that is a member of them.
create view tenancy.exposed_role as
  with recursive exposed (oid) as (
    select r.oid from pg_catalog.pg_roles r where r.rolname in ('tenancy_user', 'tenancy_admin', 'tenancy_gateway')
    union
    -- Operators are people who answer for what they do: being one exposes nobody.
    select m.member from tenancy.membership m join exposed on m.role = exposed.oid
     where m.gives_role and m.member not in (select r.oid from pg_catalog.pg_roles r where r.rolname = 'tenancy_operator')
  )
  select r.oid, r.rolname as name, r.rolcanlogin as can_login
    from exposed join pg_catalog.pg_roles r on r.oid = exposed.oid
   where not r.rolsuper;
comment on view tenancy.exposed_role is 'internal: roles whose statements an attacker may write: tenancy_user, tenancy_admin, tenancy_gateway and their members';
comment on column tenancy.exposed_role.oid is 'the role';
comment on column tenancy.exposed_role.name is 'its name';
comment on column tenancy.exposed_role.can_login is 'whether it can log in';
revoke all on tenancy.exposed_role from public;

-- What each of them can become, inherited or by SET ROLE; itself included. pg_database_owner has no rows of membership.
create view tenancy.reachable_role as
  with recursive reach (exposed, role) as (
    select e.oid, e.oid from tenancy.exposed_role e
    union
    select reach.exposed, step.role
      from reach
      join (select m.member, m.role from tenancy.membership m where m.gives_role or m.may_grant
            union all
            select d.datdba, r.oid from pg_catalog.pg_database d, pg_catalog.pg_roles r
             where d.datname = pg_catalog.current_database() and r.rolname = 'pg_database_owner') step
        on step.member = reach.role
  )
  select reach.exposed, reach.role from reach;
comment on view tenancy.reachable_role is 'internal: the roles that each exposed role is or can become';
comment on column tenancy.reachable_role.exposed is 'an exposed role';
comment on column tenancy.reachable_role.role is 'a role that it is or can become';
revoke all on tenancy.reachable_role from public;
