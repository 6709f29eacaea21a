--- `gitlab-pipelines delete ID`: a pipeline with its jobs, for ever.

return require("gitlab_pipelines.cli.acts").command("delete", "Delete a pipeline with its jobs, for ever.", {
  target = "pipeline",
  options = function(command)
    command:flag("--yes", "do not ask")
  end,
  act = function(gl, project, args, ctx)
    if not args.yes then
      if not ctx.interactive then ctx:stop "delete asks first: say --yes where nobody can answer" end
      io.stderr:write(("delete pipeline %d of %s for ever? [y/N] "):format(args.id, project))
      if not (io.read "*l" or ""):match "^[yY]" then ctx:stop("not deleted", 130) end
    end
    return gl.pipelines:delete(project, args.id)
  end,
})
