-- Whoever listens on the channel tenancy_schema, as the gateway does, hears of each transaction that has changed what may be
-- exposed: relations, functions, types, rights, comments.

create function tenancy.announce_schema_change() returns void language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_announce_schema_change';
comment on function tenancy.announce_schema_change() is 'internal: this transaction will notify tenancy_schema when it commits';

create function tenancy.schema_change_is_announced() returns boolean language c volatile parallel unsafe as 'MODULE_PATHNAME', 'tenancy_schema_change_is_announced';
comment on function tenancy.schema_change_is_announced() is 'internal: whether this transaction will notify tenancy_schema already';

-- SECURITY DEFINER: it runs as anybody who runs DDL, and nobody else is to make gateways read the catalogs.
create function tenancy.schema_change_event() returns event_trigger
  language plpgsql volatile
  security definer set search_path = pg_catalog, pg_temp
as $function$
begin
  if tenancy.schema_change_is_announced() then
    return;
  end if;
  -- Temporary objects are nobody else's.
  if tg_event = 'sql_drop' then
    if not exists (select from pg_event_trigger_dropped_objects() d where not d.is_temporary) then
      return;
    end if;
  elsif not exists (select from pg_event_trigger_ddl_commands() c where c.schema_name is distinct from 'pg_temp') then
    return;
  end if;
  perform tenancy.announce_schema_change();
end
$function$;
comment on function tenancy.schema_change_event() is 'internal: the event trigger function that announces changes of the schema';

revoke execute on function tenancy.announce_schema_change(), tenancy.schema_change_is_announced(), tenancy.schema_change_event() from public;

create event trigger tenancy_schema_change on ddl_command_end
  when tag in (
    'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'IMPORT FOREIGN SCHEMA',
    'CREATE VIEW', 'ALTER VIEW', 'CREATE MATERIALIZED VIEW', 'ALTER MATERIALIZED VIEW', 'CREATE RULE', 'CREATE TRIGGER', 'CREATE INDEX',
    'ALTER INDEX', 'CREATE FUNCTION', 'ALTER FUNCTION', 'CREATE ROUTINE', 'ALTER ROUTINE', 'CREATE TYPE', 'ALTER TYPE', 'CREATE DOMAIN', 'ALTER DOMAIN',
    'CREATE SCHEMA', 'ALTER SCHEMA', 'CREATE EXTENSION', 'ALTER EXTENSION', 'GRANT', 'REVOKE', 'COMMENT')
  execute function tenancy.schema_change_event();
create event trigger tenancy_schema_drop on sql_drop execute function tenancy.schema_change_event();
-- Always: a restore or a replica changes the schema as well.
alter event trigger tenancy_schema_change enable always;
alter event trigger tenancy_schema_drop enable always;
comment on event trigger tenancy_schema_change is 'notifies tenancy_schema when the schema has changed';
comment on event trigger tenancy_schema_drop is 'notifies tenancy_schema when something has been dropped';
