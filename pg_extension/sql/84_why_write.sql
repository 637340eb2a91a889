-- Why a write is refused: from the catalog, and by the policies' own expressions on the row as it would be. Nothing is written
-- for it, not even in a transaction that is rolled back: triggers, sequences and the keys of others stay out of it.

-- Defaults that give the same value here as in the write: constants, current_user and the like, and the context's own.
-- Others may draw from a sequence or run the application's code for nothing.
create function tenancy.plain_defaults(table_name regclass, except_for jsonb, out values_list text, out left_out text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $function$
  select string_agg(format('%L, %s', d.attname, d.expression), ', ') filter (where d.plain),
         string_agg(quote_ident(d.attname), ', ') filter (where not d.plain)
    from (select a.attname, pg_get_expr(x.adbin, x.adrelid) as expression,
                 x.adbin::text ~ '^\{(CONST|SQLVALUEFUNCTION) '
                 or pg_get_expr(x.adbin, x.adrelid) ~ '^tenancy\.(tenant|user)_(id|bigint|uuid)\(\)$' as plain
            from pg_attribute a
            join pg_attrdef x on x.adrelid = a.attrelid and x.adnum = a.attnum
           where a.attrelid = table_name and a.attgenerated = '' and not except_for ? a.attname::text) d
$function$;
comment on function tenancy.plain_defaults(regclass, jsonb) is
  'internal: the defaults of a table''s other columns that can be evaluated without a trace, and the columns that cannot';

create function tenancy.why_write(table_name regclass, new_row jsonb, old_key jsonb default null)
  returns table (reason text, explanation text, hint text)
  language plpgsql stable parallel unsafe
  set search_path = pg_catalog, pg_temp
as $function$
#variable_conflict use_column
declare
  command text := case when old_key is null then 'insert' when new_row is null then 'delete' else 'update' end;
  situation record;
  wanted record;
  default_values text;
  left_out text;
  columns name[] := '{}';
  unrecognized text;
  refused boolean := false;
  named boolean;
  row_before jsonb;
  row_after jsonb;
  refusing jsonb := '[]';
  value text;
  spelled text;
  not_tried text;
  refusal text;
  refusal_hint text;
begin
  select s.* into situation from tenancy.why_situation(table_name) s;
  if new_row is null and old_key is null then
    raise exception using
      errcode = 'null_value_not_allowed',
      message = 'a write has a new row, the key of an old one, or both',
      hint = 'INSERT: new_row; UPDATE: new_row with the changed columns, and old_key; DELETE: NULL and old_key.';
  end if;
  if new_row is not null then
    if jsonb_typeof(new_row) <> 'object' then
      raise exception using
        errcode = 'invalid_parameter_value',
        message = 'the new row is not a JSON object of columns and values',
        hint = format('For example: tenancy.why_write(%L, ''{"name": "Ann"}'').', table_name::text);
    end if;
    columns := array(select k::name from jsonb_object_keys(new_row) k);
    select k into unrecognized from jsonb_object_keys(new_row) k
     where not exists (select from pg_attribute a
                        where a.attrelid = why_write.table_name and a.attname = k and a.attnum > 0 and not a.attisdropped)
     limit 1;
    if found then
      raise exception using
        errcode = 'undefined_column',
        message = format('table %s has no column %I', table_name, unrecognized),
        hint = 'Name columns as the table has them, in their own upper and lower case.';
    end if;
  end if;
  if old_key is not null then
    perform tenancy.key_condition(table_name, old_key);
  end if;

  -- Rights and context.
  return query select * from tenancy.missing_grants(table_name, command, columns, situation.acting);
  refused := found;
  if command = 'insert' then
    return query
      select 'missing_grant',
             format('Role %I may not draw the default of column %I from the sequence %s.', situation.acting, a.attname, d.objid::regclass),
             format('grant usage on sequence %s to %I', d.objid::regclass, situation.acting)
        from pg_depend d
        join pg_class q on q.oid = d.objid and q.relkind = 'S'
        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
       where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = why_write.table_name
         and d.deptype = 'a' and not new_row ? a.attname::text
         and case when q.relkind = 'S' then not has_sequence_privilege(situation.acting, d.objid, 'usage, update') end;
    refused := refused or found;
  end if;
  if situation.reason is not null then
    return query select situation.reason, situation.explanation, situation.hint;
    refused := true;
  end if;

  -- The old row: who does not see it is told what tenancy.why() tells him.
  if command <> 'insert' and not refused then
    for reason, explanation, hint in select * from tenancy.why(table_name, old_key) loop
      exit when reason = 'visible'; -- it comes first
      refused := true;
      return next;
    end loop;
  end if;
  if refused then
    return;
  end if;

  if situation.held and situation.restrained then
    return query select * from tenancy.not_tried(table_name);
    return;
  end if;

  -- Whose the new row is. The values are the caller's own; a superuser's row is not made of them, for a check in a type of
  -- the table's owner could run.
  for wanted in
    select w.*, x.expression ~ '^tenancy\.(tenant|user)_(id|bigint|uuid)\(\)$' as from_context
      from (values ('tenant', situation.tenant_column, situation.tenant),
                   ('user', situation.owner_column, situation."user")) as w (what, column_name, own)
      join pg_attribute a on a.attrelid = why_write.table_name and a.attname = w.column_name
      left join lateral (
        select pg_get_expr(d.adbin, d.adrelid) as expression
          from pg_attrdef d where d.adrelid = a.attrelid and d.adnum = a.attnum) x on true
     where command <> 'delete' and situation.kind = 'tenant'
       and (new_row ? w.column_name::text
            or command = 'insert' and a.attidentity = '' and (x.expression is null or x.expression ~ '^tenancy\.'))
  loop
    value := case when new_row ? wanted.column_name::text then new_row ->> wanted.column_name::text
                  when wanted.from_context then wanted.own end;
    if value is null then
      return query select wanted.what || '_null',
        format('Column %I is NULL in the new row: each row belongs to a %s.', wanted.column_name, wanted.what),
        case when wanted.own is null then format('Name the %s in the row: there is no context to take it from.', wanted.what)
             else format('Write %s, or leave the column out where its default is the context''s.', wanted.own) end;
      refused := true;
    elsif situation.held and not situation.bypass then
      execute format('select pg_catalog.format(''%%s'', t.%I) from pg_catalog.jsonb_populate_record(null::%s, $1) t', wanted.column_name, table_name)
         into spelled using jsonb_build_object(wanted.column_name, value);
      if spelled is distinct from wanted.own then
        return query select 'other_' || wanted.what,
          format('The new row names %s %s in column %I, and this is a context of %s %s.',
                 wanted.what, value, wanted.column_name, wanted.what, wanted.own),
          format('Write %s, or leave the column out where its default is the context''s.', wanted.own);
        refused := true;
      end if;
    end if;
  end loop;
  named := refused;

  -- What the policies say of the row before and after.
  if situation.held then
    begin
      if command = 'insert' then
        select d.values_list, d.left_out into default_values, left_out from tenancy.plain_defaults(table_name, new_row) d;
        execute format('select pg_catalog.jsonb_build_object(%s)', default_values) into row_after;
        refusing := tenancy.refusing_policies(table_name, 'insert', row_after || new_row, true);
      elsif has_table_privilege(current_user, table_name, 'select') then
        execute format('select pg_catalog.to_jsonb(t) from %s t where %s limit 1', table_name, tenancy.key_condition(table_name, old_key))
           into row_before using old_key;
        refusing := tenancy.refusing_policies(table_name, command, row_before, false);
        if command = 'update' then
          row_after := row_before || new_row;
          refusing := refusing || tenancy.refusing_policies(table_name, 'update', row_after, true)
                               || tenancy.refusing_policies(table_name, 'select', row_after, false);
        end if;
      else
        not_tried := 'The policies were not tried: that takes the right to select all columns of the old row.';
      end if;
    exception when insufficient_privilege then
      get stacked diagnostics refusal = message_text, refusal_hint = pg_exception_hint;
      return query select 'policy_error', format('A policy refused: %s.', refusal), nullif(refusal_hint, '');
      refused := true;
    end;
    -- Those of tenancy.protect() have said no above, in plainer words.
    select coalesce(jsonb_agg(distinct r), '[]') into refusing
      from jsonb_array_elements(refusing) r
     where not (named and starts_with(r ->> 'policy', 'tenancy_'));
    return query select * from tenancy.policy_reasons(table_name, refusing);
    if found then
      refused := true;
      if left_out is not null then
        return query select 'not_tried',
          format('The defaults of %s are computed in the write; they were taken as NULL.', left_out), 'Give their values in new_row.';
      end if;
    end if;
  end if;

  if not refused then
    return query select 'allowed',
      concat_ws(' ', format('No missing right and no policy refuses the %s.', command), situation.not_held, not_tried,
                'Constraints and triggers were not tried.'), null;
  end if;
  if situation.kind is null then
    return query select 'not_protected', 
      format('tenancy.protect() does not cover %s: who may write it writes rows of all tenants, unless other policies say no.', table_name),
      format('select * from tenancy.protect(%L) as its owner.', table_name::text);
  end if;
end
$function$;
comment on function tenancy.why_write(regclass, jsonb, jsonb) is
  'why an INSERT (new_row), UPDATE (new_row with the changed columns, and old_key) or DELETE (NULL, old_key) is refused or allowed; changes nothing';

revoke execute on function
  tenancy.plain_defaults(regclass, jsonb), tenancy.why_write(regclass, jsonb, jsonb)
from public;
grant execute on function
  tenancy.plain_defaults(regclass, jsonb), tenancy.why_write(regclass, jsonb, jsonb)
to public;
