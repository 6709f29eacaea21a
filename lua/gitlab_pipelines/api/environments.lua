--- gl.environments: where a project is deployed to.

return require("gitlab_pipelines.api.methods").class "environments"
