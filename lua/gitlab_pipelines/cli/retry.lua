--- `gitlab-pipelines retry ID`: a pipeline's failed jobs, or with --job one job.

return require("gitlab_pipelines.cli.acts").command("retry",
  "Retry a pipeline's failed jobs; with --job, one job.", {
    act = function(gl, project, args)
      if args.job then return gl.jobs:retry(project, args.id) end
      return gl.pipelines:retry(project, args.id)
    end,
  })
