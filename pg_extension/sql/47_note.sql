-- The note: how a relation was before it was protected, and with which options it is. It is the comment of its policy
-- tenancy_tenant (tenancy_reference for reference tables), where every form of pg_dump keeps it. The table's owner can
-- rewrite that comment: nothing of it becomes SQL but known words, and names that the catalog confirms.

-- NULL where there is none or it is no longer readable.
create function tenancy.protection_note(relation regclass) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $function$
declare
  note jsonb;
begin
  select substring(obj_description(p.oid, 'pg_policy') from 'Before: (.*)$')::jsonb into note
    from pg_policy p
   where p.polrelid = relation and p.polname in ('tenancy_tenant', 'tenancy_reference');
  return case when jsonb_typeof(note) = 'object' then note end;
exception when data_exception or program_limit_exceeded then
  return null; -- somebody has written something else there
end
$function$;
comment on function tenancy.protection_note(regclass) is
  'internal: what the comment of a relation''s policy says about its state before and its options; NULL when it says nothing readable';

create function tenancy.noted_list(note jsonb, list text) returns setof jsonb
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select e from jsonb_array_elements(case when jsonb_typeof(note -> list) = 'array' then note -> list else '[]' end) e
$function$;
comment on function tenancy.noted_list(jsonb, text) is 'internal: the elements of a list in a note; none where there is no such list';

create function tenancy.note_statement(relation regclass, policy name, note jsonb) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $function$
  select format('comment on policy %I on %s is %L', policy, relation,
    case policy when 'tenancy_tenant' then 'Rows of the current tenant only' else 'Rows for all to read' end
    || ', made by tenancy.protect(). Before: ' || note)
$function$;
comment on function tenancy.note_statement(regclass, name, jsonb) is 'internal: the statement that writes a note';

create function tenancy.write_note(relation regclass, note jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
begin
  if note is not distinct from tenancy.protection_note(relation) then
    return;
  end if;
  execute (select tenancy.note_statement(relation, p.polname, note)
             from pg_policy p
            where p.polrelid = relation and p.polname in ('tenancy_tenant', 'tenancy_reference'));
end
$function$;
comment on function tenancy.write_note(regclass, jsonb) is 'internal: keeps the note in the comment of the policy';

create function tenancy.amend_note(relation regclass, list text, element jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $function$
declare
  note jsonb := coalesce(tenancy.protection_note(relation), '{}');
begin
  if not exists (select from tenancy.noted_list(note, list) e where e = element) then
    perform tenancy.write_note(relation, note || jsonb_build_object(list,
      (select coalesce(jsonb_agg(e), '[]') from tenancy.noted_list(note, list) e) || jsonb_build_array(element)));
  end if;
end
$function$;
comment on function tenancy.amend_note(regclass, text, jsonb) is 'internal: adds an element to a list in a note, once';

revoke execute on function
  tenancy.protection_note(regclass), tenancy.noted_list(jsonb, text), tenancy.note_statement(regclass, name, jsonb),
  tenancy.write_note(regclass, jsonb),
  tenancy.amend_note(regclass, text, jsonb)
from public;
grant execute on function
  tenancy.protection_note(regclass), tenancy.noted_list(jsonb, text), tenancy.note_statement(regclass, name, jsonb),
  tenancy.write_note(regclass, jsonb),
  tenancy.amend_note(regclass, text, jsonb)
to pg_database_owner;
