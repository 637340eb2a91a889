# Ruby with ActiveRecord: each request of a signed-in user is one transaction that begins with the token.
require 'action_controller'
require 'active_record'
require 'json'

# docs/clients.md: begin
ActiveRecord::Base.establish_connection(url: ENV.fetch('DATABASE_URL'), prepared_statements: false)

module Tenancy
  def self.connection = ActiveRecord::Base.connection

  def self.sign_in(name, password, address)
    connection.exec_query('select token, tenant_id, tenants from tenancy.login($1, $2, $3)', 'sign in',
                          [name, password, { address: address }.to_json]).first
  end

  def self.transaction(token)
    ActiveRecord::Base.transaction(joinable: false) do # transactions inside it make savepoints
      connection.clear_query_cache # it knows rows by their SQL, and not who asked
      connection.exec_update('select tenancy.attach($1)', 'attach', [token]) # void: no row to read
      yield
    end
  ensure
    connection.clear_query_cache
  end

  def self.status_of(error)
    sqlstate = error.cause&.result&.error_field(PG::Result::PG_DIAG_SQLSTATE)
    { '28P01' => 401, '28000' => 401, '53400' => 429, '42501' => 403 }.fetch(sqlstate, 500)
  end
end

class ApplicationController < ActionController::API
  around_action { |controller, action| Tenancy.transaction(controller.request.cookies['token'], &action) }
  rescue_from(ActiveRecord::StatementInvalid) { |error| head Tenancy.status_of(error) }
end

class Patient < ActiveRecord::Base
  self.table_name = 'app.patients' # the tenant column's default is the context's tenant
end
# docs/clients.md: end
