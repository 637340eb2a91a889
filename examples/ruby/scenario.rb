# What the test runs: the example as somebody would use it, and what it must not do. One line for each fact.
require_relative 'tenancy'

CONNECTIONS = {}

def ids(rows) = rows.map { |row| row['id'] }.join(' ')

def refusal
  yield
  'nothing'
rescue PG::Error => e
  "#{e.result.error_field(PG::Result::PG_DIAG_SQLSTATE)} #{status_of(e)}"
end

def left
  row = POOL.with do |connection|
    connection.exec("select current_setting('tenancy.tenant_id') || '|' || current_user as left, pg_backend_pid() as pid").first
  end
  CONNECTIONS[row['pid']] = true
  row['left']
end

user = sign_in('t3 user2', 'user', '192.0.2.1')
token = user['token']
other = sign_in('t1 user1', 'user', '192.0.2.1')['token']
puts "tenant: #{user['tenant_id']}"
puts "own rows: #{ids(patients(token))}"
puts "after a commit: #{left}"
puts "another tenant's rows: #{ids(patients(other))}"
puts "without attach: #{refusal { POOL.with { |connection| connection.exec('select id from app.patients') } }}"

begin
  transaction(token) do |connection|
    row = connection.exec("insert into app.patients (first_name, last_name, dob) values ('New', 'Doe', '2000-01-01') returning tenant_id").first
    puts "a new row has tenant: #{row['tenant_id']}"
    raise ArgumentError, 'a mistake of the application'
  end
rescue ArgumentError
end
puts "after a rollback: #{left}"
puts "rows after a rollback: #{ids(patients(token))}"

puts "a row of another tenant's: #{refusal { transaction(token) { |connection| connection.exec('update app.patients set tenant_id = 1') } }}"
puts "after an error: #{left}"

POOL.with { |connection| connection.exec_params('select tenancy.logout($1)', [token]) }
puts "signed out: #{refusal { patients(token) }}"
puts "after a refused attach: #{left}"
puts "connections: #{CONNECTIONS.size}"
puts "wrong password: #{refusal { sign_in('t3 user2', 'wrong', '192.0.2.1') }}"
puts "too many attempts: #{refusal { sign_in('t5 user2', 'user', '192.0.2.1') }}"
