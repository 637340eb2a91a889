# What the test runs: the example as somebody would use it, and what it must not do. One line for each fact.
require 'rack/mock'
require_relative 'tenancy'

CONNECTIONS = {}

class PatientsController < ApplicationController
  def index = render(json: Patient.order(:id).pluck(:id))

  def mistake
    puts "a new row has tenant: #{Patient.create!(first_name: 'New', last_name: 'Doe', dob: '2000-01-01').reload.tenant_id}"
    raise ArgumentError, 'a mistake of the application'
  end

  def move
    Patient.update_all(tenant_id: 1)
  end
end

def get(action, token)
  PatientsController.action(action).call(Rack::MockRequest.env_for('/', 'HTTP_COOKIE' => "token=#{token}"))
end

def status(action, token) = get(action, token).first

def ids(token)
  body = +''
  get(:index, token).last.each { |part| body << part }
  JSON.parse(body).join(' ')
end

def refusal
  yield
  'nothing'
rescue ActiveRecord::StatementInvalid => e
  "#{e.cause.result.error_field(PG::Result::PG_DIAG_SQLSTATE)} #{Tenancy.status_of(e)}"
end

def left
  row = Tenancy.connection.uncached do
    Tenancy.connection.select_one("select current_setting('tenancy.tenant_id') || '|' || current_user as left, pg_backend_pid() as pid")
  end
  CONNECTIONS[row['pid']] = true
  row['left']
end

# The cache is on in every request of a Rails application.
ActiveRecord::Base.connection.enable_query_cache!

user = Tenancy.sign_in('t3 user2', 'user', '192.0.2.1')
token = user['token']
other = Tenancy.sign_in('t1 user1', 'user', '192.0.2.1')['token']
puts "tenant: #{user['tenant_id']}"
puts "own rows: #{ids(token)}"
puts "after a commit: #{left}"
puts "another tenant's rows: #{ids(other)}"
puts "without attach: #{refusal { Patient.count }}"

begin
  get(:mistake, token)
rescue ArgumentError
end
puts "after a rollback: #{left}"
puts "rows after a rollback: #{ids(token)}"

puts "a row of another tenant's: #{refusal { Tenancy.transaction(token) { Patient.update_all(tenant_id: 1) } }}"
statuses = [status(:move, token)]
puts "after an error: #{left}"

Tenancy.transaction(token) do
  1100.times { |number| Tenancy.connection.exec_query("select $1::int + #{number}", 'many', [1], prepare: true) }
end
puts 'many statements: all ran'

Tenancy.connection.exec_query('select tenancy.logout($1)', 'sign out', [token])
puts "signed out: #{refusal { Tenancy.transaction(token) { Patient.count } }}"
statuses << status(:index, token)
puts "after a refused attach: #{left}"
puts "connections: #{CONNECTIONS.size}"
puts "statuses: #{statuses.join(' ')}"
puts "wrong password: #{refusal { Tenancy.sign_in('t3 user2', 'wrong', '192.0.2.1') }}"
puts "too many attempts: #{refusal { Tenancy.sign_in('t5 user2', 'user', '192.0.2.1') }}"
