--- gl.deployments: what was deployed, when and by which job.

return require("gitlab_pipelines.api.methods").class "deployments"
