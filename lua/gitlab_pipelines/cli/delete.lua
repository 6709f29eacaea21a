--- `gitlab-pipelines delete ID`: a pipeline with its jobs, for ever.

return require("gitlab_pipelines.cli.acts").command("delete", "Delete a pipeline and its jobs permanently.", {
  target = "pipeline",
  options = function(command)
    command:flag("--yes", "do not ask for confirmation")
  end,
  act = function(gl, project, args, ctx)
    if not args.yes then
      if not ctx.interactive then ctx:stop "delete asks for confirmation: without a terminal, give --yes" end
      io.stderr:write(("delete pipeline %d of %s permanently? [y/N] "):format(args.id, project))
      if not (io.read "*l" or ""):match "^[yY]" then ctx:stop("not deleted", 130) end
    end
    return gl.pipelines:delete(project, args.id)
  end,
})
