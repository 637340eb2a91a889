-- The options of a protected relation, and those that come to a relation from its parent.

-- Rights are on the root of a tree.
create function tenancy.tenants_write(relation regclass) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  with recursive up (relation) as (
    select tenants_write.relation
    union
    select i.inhparent::regclass from pg_inherits i join up on i.inhrelid = up.relation
  )
  select coalesce(bool_or('insert' = any (tenancy.granted_on(up.relation, 'tenancy_user'))), false) from up
$function$;
comment on function tenancy.tenants_write(regclass) is 'internal: whether tenants may write to a relation, by its own name or through a parent';

-- One row at most, found through the indexes of the catalog: the view joined for all tables costs a hundred times as much.
create function tenancy.protection_of(relation regclass) returns setof tenancy.protection
  language plpgsql stable rows 1
  set search_path = pg_catalog, pg_temp
as $function$
begin
  return query select p.* from tenancy.protection p where p.relation = protection_of.relation;
end
$function$;
comment on function tenancy.protection_of(regclass) is 'internal: how one relation is protected; no row where it is not';

-- From the policies and rights, which an owner cannot rewrite without changing what they do.
create function tenancy.options_of(relation regclass) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select jsonb_build_object(
    'kind', p.kind,
    'column', p.tenant_column,
    'access', case when p.kind = 'tenant' and tenancy.tenants_write(p.relation) then 'write' else 'read' end,
    'owner_column', p.owner_column,
    'shared', p.shared,
    'keys', coalesce(tenancy.protection_note(p.relation) -> 'keys' = 'true', false))
    from tenancy.protection_of(relation) p
$function$;
comment on function tenancy.options_of(regclass) is 'internal: the options that a protected relation is protected with; no row for others';

-- A partition or child that came later: as its parent is.
create function tenancy.protect_like_parent(child regclass) returns table (step text, statement text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  options jsonb;
  changed boolean := false;
  relation regclass;
begin
  select tenancy.options_of(p.relation) || '{"keys": false}' into options
    from pg_inherits i join tenancy.protection p on p.relation = i.inhparent
   where i.inhrelid = child
   order by i.inhseqno limit 1;
  if not found then
    raise exception using
      errcode = 'object_not_in_prerequisite_state',
      message = format('%s has no protected parent', child),
      hint = 'Protect the table itself: tenancy.protect(table, ''column'').';
  end if;
  for relation in select r from tenancy.with_children(child) r loop
    perform tenancy.require_protectable(relation, options);
    for step, statement in
      select p.step, p.statement
        from tenancy.protect_relation(relation, options, case when not exists (
               select from pg_policy p where p.polrelid = relation and p.polname = any (tenancy.our_policies()))
             then tenancy.state_before(relation, options) end, true) p
    loop
      changed := changed or step not like 'left:%';
      return next;
    end loop;
  end loop;
  if not changed then
    step := 'nothing to do';
    statement := null;
    return next;
  end if;
end
$function$;
comment on function tenancy.protect_like_parent(regclass) is 'internal: protects a partition or inheritance child as its parent is protected; tells each statement it ran';

revoke execute on function
  tenancy.tenants_write(regclass), tenancy.protection_of(regclass), tenancy.options_of(regclass), tenancy.protect_like_parent(regclass)
from public;
grant execute on function
  tenancy.tenants_write(regclass), tenancy.protection_of(regclass), tenancy.options_of(regclass), tenancy.protect_like_parent(regclass)
to pg_database_owner;
