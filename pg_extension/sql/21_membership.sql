-- Since PostgreSQL 16 each membership says whether it gives the role's rights (INHERIT) and lets its member SET ROLE (SET).
-- One that gives neither is no way to the role, but with ADMIN, which CREATE ROLE gives to its caller, a way to one.
create view tenancy.membership as
  select m.member, m.roleid as role, m.grantor, m.admin_option as may_grant,
         coalesce((pg_catalog.to_jsonb(m) ->> 'inherit_option')::boolean or (pg_catalog.to_jsonb(m) ->> 'set_option')::boolean, true) as gives_role
    from pg_catalog.pg_auth_members m;
comment on view tenancy.membership is 'internal: memberships, with what they give on this version of PostgreSQL';
comment on column tenancy.membership.member is 'internal: the member';
comment on column tenancy.membership.role is 'internal: the role';
comment on column tenancy.membership.grantor is 'internal: who has granted it';
comment on column tenancy.membership.may_grant is 'internal: whether the member may grant the role, to itself too';
comment on column tenancy.membership.gives_role is 'internal: whether the member has the role''s rights or may become it';
revoke all on tenancy.membership from public;

-- Whether the member has the role's rights or may take them.
create function tenancy.holds_role(member name, role name) returns boolean
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select pg_has_role(member, role, 'usage')
      or pg_has_role(member, role, case when current_setting('server_version_num')::int < 160000 then 'member' else 'set' end)
$function$;
comment on function tenancy.holds_role(name, name) is 'internal: whether a role has the rights of another or may become it';

-- For everybody, as pg_has_role() is: views and why() ask as whoever reads them.
revoke execute on function tenancy.holds_role(name, name) from public;
grant execute on function tenancy.holds_role(name, name) to public;

-- Since PostgreSQL 16 a REVOKE takes only what its grantor has given.
create function tenancy.revoke_role_statement(role oid, member oid) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select string_agg(format(case when current_setting('server_version_num')::int < 160000 then 'revoke %I from %I' else 'revoke %I from %I granted by %I' end,
                           pg_get_userbyid(m.role), pg_get_userbyid(m.member), pg_get_userbyid(m.grantor)), '; ' order by m.grantor)
    from tenancy.membership m where m.role = revoke_role_statement.role and m.member = revoke_role_statement.member
$function$;
comment on function tenancy.revoke_role_statement(oid, oid) is 'internal: the statement that ends a membership';
revoke execute on function tenancy.revoke_role_statement(oid, oid) from public;
