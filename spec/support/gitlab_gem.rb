# frozen_string_literal: true

# Ruby's gitlab gem, unchanged, through the calls that concern pipelines. Prints "ok" at the end.
# The server's clock is virtual: it moves when this says so.
#
# usage: ruby gitlab_gem.rb LUA SERVE_SCRIPT WORLD
require 'gitlab'
require 'json'
require 'net/http'

TOKEN = 'MOCK_SUPER_SECRET'
PROJECT = 'acme/lib'

def expect(value, wanted)
  raise "#{value.inspect}, wanted #{wanted.inspect}" unless value == wanted
end

def refused(kind)
  yield
rescue kind
  nil
else
  raise "no #{kind}"
end

# Lets simulated seconds pass.
class Clock
  def initialize(url)
    @uri = URI("#{url}/_mock/clock")
  end

  def advance(seconds)
    answer = Net::HTTP.post(@uri, JSON.generate(advance: seconds),
                            'Content-Type' => 'application/json', 'PRIVATE-TOKEN' => TOKEN)
    expect(answer.code, '200')
  end
end

def pipelines(gl, clock)
  made = gl.create_pipeline(PROJECT, 'main', 'A' => '1')
  expect([made.status, made.ref, made.source], %w[created main api])
  clock.advance(1)
  pipeline = gl.pipeline(PROJECT, made.id)
  expect(pipeline.status, 'success')
  expect(pipeline.detailed_status.text, 'Passed')
  expect(gl.pipelines(PROJECT, ref: 'main', status: 'success').map(&:id), [made.id])
  expect(gl.pipeline_test_report(PROJECT, made.id).total_count, 2)
  jobs = gl.pipeline_jobs(PROJECT, made.id)
  expect(jobs.map(&:name), %w[deploy unit compile])
  expect(gl.pipeline_bridges(PROJECT, made.id).to_a, [])
  jobs.to_h { |job| [job.name, job.id] }
end

def jobs(gl, clock, ids)
  expect(gl.job(PROJECT, ids['deploy']).status, 'manual')
  expect(gl.job_play(PROJECT, ids['deploy']).status, 'pending')
  clock.advance(1)
  expect(gl.job(PROJECT, ids['deploy']).status, 'success')
  raise 'no log' unless gl.job_trace(PROJECT, ids['unit']).to_s.include?('ok 1')

  again = gl.job_retry(PROJECT, ids['unit'])
  raise 'the same job' if again.id == ids['unit']

  expect(gl.job_cancel(PROJECT, again.id).status, 'canceled')
  raise 'not erased' unless gl.job_erase(PROJECT, ids['unit']).erased_at

  refused(Gitlab::Error::Forbidden) { gl.job_retry(PROJECT, ids['unit']) }
  expect(gl.jobs(PROJECT, scope: ['canceled']).map(&:id), [again.id])
  gl.job_retry(PROJECT, again.id)
  clock.advance(1)
end

def artifacts(gl, ids)
  expect(gl.job_artifacts_download(PROJECT, 'main', 'compile').to_hash[:data].read(2), 'PK')
  # The gem takes only what is not plain ASCII for a file.
  one = gl.download_job_artifact_file(PROJECT, ids['compile'], 'name.txt')
  expect(one.to_hash[:data].read, "Gr\u00f6\u00dfe\n".b)
  of_ref = gl.download_branch_artifact_file(PROJECT, 'main', 'name.txt', 'compile')
  expect(of_ref.to_hash[:data].read, "Gr\u00f6\u00dfe\n".b)
  expect(gl.job_artifacts_keep(PROJECT, ids['compile']).artifacts_expire_at, nil)
  gl.job_artifacts_delete(PROJECT, ids['compile'])
  refused(Gitlab::Error::NotFound) { gl.download_job_artifact_file(PROJECT, ids['compile'], 'build.env') }
end

def failing(gl, clock)
  made = gl.create_pipeline(PROJECT, 'main', 'FAIL' => 'unit')
  clock.advance(1)
  expect(gl.pipeline(PROJECT, made.id).status, 'failed')
  expect(gl.retry_pipeline(PROJECT, made.id).status, 'running')
  expect(gl.cancel_pipeline(PROJECT, made.id).status, 'canceled')
  gl.delete_pipeline(PROJECT, made.id)
  refused(Gitlab::Error::NotFound) { gl.pipeline(PROJECT, made.id) }
end

def triggers(gl)
  token = gl.create_trigger(PROJECT, 'from a test')
  expect(gl.update_trigger(PROJECT, token.id, description: 'renamed').description, 'renamed')
  made = gl.run_trigger(PROJECT, token.token, 'main', 'B' => '2')
  expect([made.source, made.ref], %w[trigger main])
  raise 'never used' unless gl.trigger(PROJECT, token.id).last_used

  expect(gl.triggers(PROJECT).map(&:description), ['renamed'])
  gl.remove_trigger(PROJECT, token.id)
  refused(Gitlab::Error::Unauthorized) { gl.run_trigger(PROJECT, token.token, 'main') }
end

def variables(gl)
  gl.create_variable(PROJECT, 'K', 'secret-value', masked: true, environment_scope: 'production')
  gl.create_variable(PROJECT, 'L', 'plain')
  expect(gl.update_variable(PROJECT, 'K', 'another-value').value, 'another-value')
  expect(gl.variable(PROJECT, 'K').masked, true)
  expect(gl.variables(PROJECT).map(&:key), %w[K L])
  gl.remove_variable(PROJECT, 'K')
  refused(Gitlab::Error::NotFound) { gl.variable(PROJECT, 'K') }
  refused(Gitlab::Error::BadRequest) { gl.create_variable(PROJECT, 'L', 'twice') }
end

def environments(gl)
  production = gl.environments(PROJECT, name: 'production').first
  expect([production.state, production.external_url], ['available', 'https://app.example.com'])
  expect(gl.environment(PROJECT, production.id).last_deployment.status, 'success')
  expect(gl.deployment(PROJECT, gl.deployments(PROJECT).first.id).deployable.name, 'deploy')
  made = gl.create_environment(PROJECT, 'review/x', external_url: 'https://x.example.com')
  expect(gl.edit_environment(PROJECT, made.id, tier: 'testing').tier, 'testing')
  refused(Gitlab::Error::Forbidden) { gl.delete_environment(PROJECT, made.id) }
  expect(gl.stop_environment(PROJECT, made.id).state, 'stopped')
  gl.delete_environment(PROJECT, made.id)
  expect(gl.environments(PROJECT).map(&:name), ['production'])
end

def hooks(gl)
  made = gl.add_project_hook(PROJECT, 'https://x.example.com/', pipeline_events: true, push_events: false)
  expect([made.pipeline_events, made.push_events, made.job_events], [true, false, false])
  changed = gl.edit_project_hook(PROJECT, made.id, 'https://y.example.com/', job_events: true)
  expect([changed.url, changed.pipeline_events, changed.job_events], ['https://y.example.com/', true, true])
  expect(gl.project_hooks(PROJECT).map(&:id), [made.id])
  gl.delete_project_hook(PROJECT, made.id)
  refused(Gitlab::Error::NotFound) { gl.project_hook(PROJECT, made.id) }
end

def pages(gl)
  10.times { gl.create_pipeline(PROJECT, 'many') }
  first = gl.pipelines(PROJECT, ref: 'many', per_page: 4)
  expect([first.size, first.has_next_page?, first.has_last_page?], [4, true, true])
  expect(first.auto_paginate.map(&:ref), ['many'] * 10)
  refused(Gitlab::Error::NotFound) { gl.project('acme/nothing') }
end

server = IO.popen([ARGV[0], ARGV[1], ARGV[2], 'virtual'])
begin
  url = server.gets.strip
  gl = Gitlab.client(endpoint: "#{url}/api/v4", private_token: TOKEN)
  clock = Clock.new(url)
  ids = pipelines(gl, clock)
  jobs(gl, clock, ids)
  environments(gl)
  artifacts(gl, ids)
  failing(gl, clock)
  triggers(gl)
  variables(gl)
  hooks(gl)
  pages(gl)
  refused(Gitlab::Error::Unauthorized) { Gitlab.client(endpoint: "#{url}/api/v4", private_token: 'wrong-token').user }
  puts 'ok'
ensure
  Process.kill('TERM', server.pid)
  server.close
end
