-- Old minor releases have holes in row security itself, below anything an extension can do.

do $minor$
begin
  if pg_catalog.current_setting('server_version_num')::pg_catalog.int4 between 150000 and 150019 then
    raise warning using
      message = 'this PostgreSQL minor release has known holes in row security',
      hint = 'Update the server to 15.20 or newer.';
  end if;
end
$minor$;
