-- For people in psql.

create function tenancy.current_sign_in() returns tenancy.sign_in
  language c stable parallel unsafe as 'MODULE_PATHNAME', 'tenancy_current_sign_in';
comment on function tenancy.current_sign_in() is
  'the session of the current context as tenancy.login() told it, without the token; NULL without a context';

create function tenancy.whoami() returns jsonb
  language sql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
  select jsonb_build_object(
    'user_id', s.user_id,
    'user_name', s.user_name,
    'is_admin', s.is_admin,
    'tenant_id', coalesce(s.tenant_id, nullif(current_setting('tenancy.tenant_id', true), '')),
    'tenant_role', nullif(current_setting('tenancy.role', true), ''),
    -- Somebody else than the user, where an operator acts.
    'actor', coalesce(nullif(current_setting('tenancy.actor', true), ''), s.user_id),
    'read_only', current_setting('transaction_read_only')::boolean,
    'tenant_name', s.tenant_name,
    'bypass', tenancy.bypassing(),
    'session_id', tenancy.session_id(),
    'role', current_user,
    'expires_at', s.expires_at,
    'tenants', s.tenants)
  from tenancy.current_sign_in() s
$function$;
comment on function tenancy.whoami() is
  'who the current transaction works as: user, tenant, access, session and database role; user and tenant are null without a context';

revoke execute on function tenancy.current_sign_in(), tenancy.whoami() from public;
grant execute on function tenancy.current_sign_in(), tenancy.whoami() to public;

-- What the catalogs show to everybody anyway. The estimates are made of all tenants' rows: they are for who answers for
-- the table, outside a tenant's context.
create view tenancy.protected with (security_barrier) as
  select p.relation as table_name,
         p.kind,
         p.tenant_column,
         p.owner_column,
         case when p.kind = 'tenant' and p.writable then 'write' else 'read' end as access,
         p.shared,
         p.is_child,
         (select pg_catalog.array_agg(l.polname order by l.polname)
            from pg_catalog.pg_policy l where l.polrelid = p.relation) as policies,
         c.relrowsecurity as enabled,
         c.relforcerowsecurity as forced,
         (select i.indexrelid::pg_catalog.regclass
            from pg_catalog.pg_index i
            join pg_catalog.pg_class ic on ic.oid = i.indexrelid
            join pg_catalog.pg_am am on am.oid = ic.relam
           where i.indrelid = p.relation and i.indisvalid and i.indpred is null
             and am.amname = 'btree' and i.indkey[0] = p.tenant_attnum
           order by not i.indisprimary, i.indexrelid
           limit 1) as tenant_index,
         case when k.may_know and c.reltuples >= 0 then c.reltuples::pg_catalog.int8 end as estimated_rows,
         case when k.may_know and c.reltuples >= 0 then
           pg_catalog.round(c.reltuples / nullif(case when s.stadistinct < 0 then -s.stadistinct * c.reltuples
                                                      else s.stadistinct end, 0))::pg_catalog.int8
         end as estimated_rows_per_tenant
    from tenancy.protection p
    join pg_catalog.pg_class c on c.oid = p.relation
    left join pg_catalog.pg_statistic s
      on s.starelid = p.relation and s.staattnum = p.tenant_attnum and s.stainherit = (c.relkind = 'p')
    cross join lateral (
      select (tenancy.bypassing() or tenancy.session_id() is null)
         and (pg_catalog.pg_has_role(current_user, c.relowner, 'usage')
              or pg_catalog.pg_has_role(current_user, 'pg_database_owner', 'usage')
              or pg_catalog.pg_has_role(current_user, 'tenancy_operator', 'usage')) as may_know) k;
comment on view tenancy.protected is 'the protected tables: columns, options, policies, whether row security is on and forced, index, and estimated rows';
comment on column tenancy.protected.table_name is 'the table, partition or child';
comment on column tenancy.protected.kind is 'tenant: each row belongs to a tenant; reference: the same rows for all, which tenants only read';
comment on column tenancy.protected.tenant_column is 'column that holds the tenant; NULL for a reference table';
comment on column tenancy.protected.owner_column is 'column that holds the user, where rows belong to a user inside the tenant';
comment on column tenancy.protected.access is 'what tenants may do with the rows that they see: write or read';
comment on column tenancy.protected.shared is 'whether rows without a tenant are there for all to read';
comment on column tenancy.protected.is_child is 'whether it is a partition or child of a protected table, which holds the rights';
comment on column tenancy.protected.policies is 'names of all policies on it, the application''s own included';
comment on column tenancy.protected.enabled is 'whether row security is enabled; without it the policies do nothing';
comment on column tenancy.protected.forced is 'whether the policies hold the table''s owner too';
comment on column tenancy.protected.tenant_index is 'an index that begins with the tenant column; NULL: each query reads all tenants'' rows';
comment on column tenancy.protected.estimated_rows is 'rows of all tenants as of the last ANALYZE; NULL when unknown, and for people who do not answer for the table';
comment on column tenancy.protected.estimated_rows_per_tenant is 'average rows of one tenant as of the last ANALYZE; NULL as before';

create view tenancy.policies as
  select p.polrelid::pg_catalog.regclass as table_name,
         p.polname as policy,
         case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end as command,
         p.polpermissive as permissive,
         array(select case u.role when 0 then 'public' else pg_catalog.pg_get_userbyid(u.role) end
                 from pg_catalog.unnest(p.polroles) u (role) order by 1) as roles,
         pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using_expression,
         pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check_expression,
         pg_catalog.starts_with(p.polname::pg_catalog.text, 'tenancy_') as made_by_protect
    from pg_catalog.pg_policy p;
comment on view tenancy.policies is 'every policy of this database, those of tenancy.protect() marked';
comment on column tenancy.policies.table_name is 'the table';
comment on column tenancy.policies.policy is 'name of the policy';
comment on column tenancy.policies.command is 'all, select, insert, update or delete';
comment on column tenancy.policies.permissive is 'true: one of these must say yes; false: restrictive, all of these must say yes';
comment on column tenancy.policies.roles is 'roles that it holds for; public is everybody';
comment on column tenancy.policies.using_expression is 'what a row must fulfil to be seen, changed or deleted';
comment on column tenancy.policies.check_expression is 'what a new row must fulfil; NULL: the same as using_expression';
comment on column tenancy.policies.made_by_protect is 'whether it has a name that tenancy.protect() gives; false: the application made it';

-- Never the hash of the token. Who owns the session of a context is asked of the session itself: readers in C,
-- which nobody can forge.
create view tenancy.sessions with (security_barrier) as
  select s.id,
         s.user_id,
         s.tenant_id,
         case when s.revoked_at is not null then 'revoked'
              when s.expires_at <= pg_catalog.clock_timestamp() then 'expired'
              when i.idle > '0 s' and s.purpose is null and s.last_used_at + i.idle <= pg_catalog.clock_timestamp() then 'idle'
              else 'live' end as state,
         s.id is not distinct from tenancy.session_id() as is_current,
         s.created_at,
         s.last_used_at,
         s.expires_at,
         s.revoked_at,
         s.client,
         s.purpose
    from tenancy.session s
    cross join (select pg_catalog.current_setting('tenancy.session_idle_timeout')::pg_catalog.interval as idle) i
   where s.user_id = (select o.user_id from tenancy.session o where o.id = tenancy.session_id())
      or (tenancy.session_id() is null and pg_catalog.pg_has_role(current_user, 'tenancy_operator', 'usage'))
      -- An operator's bypass context works as tenancy_admin.
      or (tenancy.bypassing() and current_user = 'tenancy_admin'
          and tenancy.holds_role(session_user, 'tenancy_operator'));
comment on view tenancy.sessions is 'sessions without their tokens: one''s own in a context, all for members of tenancy_operator';
comment on column tenancy.sessions.id is 'names the session to tenancy.revoke(); opens nothing';
comment on column tenancy.sessions.user_id is 'who signed in';
comment on column tenancy.sessions.tenant_id is 'chosen tenant; NULL: none chosen yet, or an admin who sees all';
comment on column tenancy.sessions.state is 'live, or why it is over: revoked, expired, idle';
comment on column tenancy.sessions.is_current is 'whether the current context is this session''s';
comment on column tenancy.sessions.created_at is 'when the user signed in';
comment on column tenancy.sessions.last_used_at is 'last use, written at most once a minute';
comment on column tenancy.sessions.expires_at is 'when it ends, however busy';
comment on column tenancy.sessions.revoked_at is 'when it was ended before its time';
comment on column tenancy.sessions.client is 'what the caller of tenancy.login() said of the client: address, agent';
comment on column tenancy.sessions.purpose is 'what a job''s session is for; NULL: a person''s';

revoke all on tenancy.protected, tenancy.policies, tenancy.sessions from public;
grant select on tenancy.protected, tenancy.policies to public;
grant select on tenancy.sessions to tenancy_user, tenancy_admin, tenancy_operator;
