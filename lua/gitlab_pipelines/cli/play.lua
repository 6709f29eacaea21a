--- `gitlab-pipelines play JOB`: start a manual job.

local shared = require "gitlab_pipelines.cli.shared"

return require("gitlab_pipelines.cli.acts").command("play", "Start a manual job.", {
  target = "job",
  options = shared.values,
  act = function(gl, project, args, ctx)
    return gl.jobs:play(project, args.id, {
      variables = shared.variables(ctx, args.variable),
      inputs = shared.inputs(ctx, args.input),
    })
  end,
})
