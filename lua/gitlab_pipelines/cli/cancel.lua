--- `gitlab-pipelines cancel ID`: a pipeline, or with --job a job.

return require("gitlab_pipelines.cli.acts").command("cancel", "Cancel a pipeline; with --job, a job.", {
  options = function(command)
    command:flag("--force", "with --job: end a job that is already canceling")
  end,
  act = function(gl, project, args, ctx)
    if args.force and not args.job then ctx:stop "--force goes with --job: a pipeline cannot be canceled by force" end
    if args.job then return gl.jobs:cancel(project, args.id, { force = args.force or nil }) end
    return gl.pipelines:cancel(project, args.id)
  end,
})
