--- What a script sees as `env`: the variables that it was passed, and GitLab's predefined ones
--- without those that are credentials.

local core = require "gitlab_pipelines.core"
local redactors = require "gitlab_pipelines.observe.redact"
local refs = require "gitlab_pipelines.flow.refs"

local M = {}

local function set(...)
  local names = {}
  for name in table.concat({ ... }, " "):gmatch "%S+" do names[name] = true end
  return names
end

-- https://docs.gitlab.com/ci/variables/predefined_variables/, without the credentials below.
local predefined = set([[CI_API_GRAPHQL_URL CI_API_V4_URL CI_BUILDS_DIR CI_COMMIT_AUTHOR
  CI_COMMIT_BEFORE_SHA CI_COMMIT_BRANCH CI_COMMIT_DESCRIPTION CI_COMMIT_MESSAGE
  CI_COMMIT_MESSAGE_IS_TRUNCATED CI_COMMIT_REF_NAME CI_COMMIT_REF_PROTECTED CI_COMMIT_REF_SLUG
  CI_COMMIT_SHA CI_COMMIT_SHORT_SHA CI_COMMIT_TAG CI_COMMIT_TAG_MESSAGE CI_COMMIT_TIMESTAMP
  CI_COMMIT_TITLE CI_CONCURRENT_ID CI_CONCURRENT_PROJECT_ID CI_CONFIG_PATH CI_DEBUG_SERVICES
  CI_DEBUG_TRACE CI_DEFAULT_BRANCH CI_DEFAULT_BRANCH_SLUG
  CI_DEPENDENCY_PROXY_DIRECT_GROUP_IMAGE_PREFIX CI_DEPENDENCY_PROXY_GROUP_IMAGE_PREFIX
  CI_DEPENDENCY_PROXY_SERVER CI_DEPLOY_FREEZE CI_DISPOSABLE_ENVIRONMENT CI_ENVIRONMENT_ACTION
  CI_ENVIRONMENT_ID CI_ENVIRONMENT_NAME CI_ENVIRONMENT_SLUG CI_ENVIRONMENT_TIER CI_ENVIRONMENT_URL
  CI_EXTERNAL_PULL_REQUEST_IID CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME
  CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY
  CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA
  CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY CI_GITLAB_FIPS_MODE CI_HAS_OPEN_REQUIREMENTS
  CI_INPUT_COUNT CI_JOB_GROUP_NAME CI_JOB_ID CI_JOB_IMAGE CI_JOB_MANUAL CI_JOB_NAME
  CI_JOB_NAME_SLUG CI_JOB_STAGE CI_JOB_STARTED_AT CI_JOB_STATUS CI_JOB_TIMEOUT CI_JOB_URL
  CI_KUBERNETES_ACTIVE CI_MERGE_REQUEST_APPROVED CI_MERGE_REQUEST_ASSIGNEES
  CI_MERGE_REQUEST_DESCRIPTION CI_MERGE_REQUEST_DESCRIPTION_IS_TRUNCATED
  CI_MERGE_REQUEST_DIFF_BASE_SHA CI_MERGE_REQUEST_DIFF_ID CI_MERGE_REQUEST_DRAFT
  CI_MERGE_REQUEST_EVENT_TYPE CI_MERGE_REQUEST_ID CI_MERGE_REQUEST_IID CI_MERGE_REQUEST_LABELS
  CI_MERGE_REQUEST_MILESTONE CI_MERGE_REQUEST_PROJECT_ID CI_MERGE_REQUEST_PROJECT_PATH
  CI_MERGE_REQUEST_PROJECT_URL CI_MERGE_REQUEST_REF_PATH CI_MERGE_REQUEST_SOURCE_BRANCH_NAME
  CI_MERGE_REQUEST_SOURCE_BRANCH_PROTECTED CI_MERGE_REQUEST_SOURCE_BRANCH_SHA
  CI_MERGE_REQUEST_SOURCE_PROJECT_ID CI_MERGE_REQUEST_SOURCE_PROJECT_PATH
  CI_MERGE_REQUEST_SOURCE_PROJECT_URL CI_MERGE_REQUEST_SQUASH_ON_MERGE
  CI_MERGE_REQUEST_TARGET_BRANCH_NAME CI_MERGE_REQUEST_TARGET_BRANCH_PROTECTED
  CI_MERGE_REQUEST_TARGET_BRANCH_SHA CI_MERGE_REQUEST_TITLE CI_NODE_INDEX CI_NODE_TOTAL
  CI_OPEN_MERGE_REQUESTS CI_PAGES_DOMAIN CI_PAGES_HOSTNAME CI_PAGES_URL CI_PIPELINE_CREATED_AT
  CI_PIPELINE_ID CI_PIPELINE_IID CI_PIPELINE_NAME CI_PIPELINE_SCHEDULE_DESCRIPTION
  CI_PIPELINE_SOURCE CI_PIPELINE_TRIGGERED CI_PIPELINE_URL CI_PROJECT_CLASSIFICATION_LABEL
  CI_PROJECT_DESCRIPTION CI_PROJECT_DIR CI_PROJECT_ID CI_PROJECT_NAME CI_PROJECT_NAMESPACE
  CI_PROJECT_NAMESPACE_ID CI_PROJECT_NAMESPACE_SLUG CI_PROJECT_PATH CI_PROJECT_PATH_SLUG
  CI_PROJECT_REPOSITORY_LANGUAGES CI_PROJECT_ROOT_NAMESPACE CI_PROJECT_TITLE CI_PROJECT_TOPICS
  CI_PROJECT_URL CI_PROJECT_VISIBILITY CI_REGISTRY CI_REGISTRY_IMAGE CI_RELEASE_DESCRIPTION
  CI_RUNNER_DESCRIPTION CI_RUNNER_EXECUTABLE_ARCH CI_RUNNER_ID CI_RUNNER_REVISION
  CI_RUNNER_TAGS CI_RUNNER_VERSION CI_SERVER CI_SERVER_FQDN CI_SERVER_HOST
  CI_SERVER_NAME CI_SERVER_PORT CI_SERVER_PROTOCOL CI_SERVER_REVISION CI_SERVER_SHELL_SSH_HOST
  CI_SERVER_SHELL_SSH_PORT CI_SERVER_URL CI_SERVER_VERSION CI_SERVER_VERSION_MAJOR
  CI_SERVER_VERSION_MINOR CI_SERVER_VERSION_PATCH CI_SHARED_ENVIRONMENT
  CI_TEMPLATE_REGISTRY_HOST CI_UPSTREAM_JOB_ID CI_UPSTREAM_PIPELINE_ID
  CI_UPSTREAM_PROJECT_ID]])
-- Credentials by their names: GitLab's, with those that are the beginning of a token, and our own.
local credentials = { "GITLAB_TOKEN", "GITLAB_PRIVATE_TOKEN", "GITLAB_ACCESS_TOKEN",
  "GITLAB_OAUTH_TOKEN", "GITLAB_WEBHOOK_SECRET_TOKEN", "GITLAB_WEBHOOK_SIGNING_TOKEN",
  "MOCK_TOKEN", "CI_JOB_TOKEN", "CI_BUILD_TOKEN", "CI_REGISTRY_PASSWORD",
  "CI_DEPLOY_PASSWORD", "CI_DEPENDENCY_PROXY_PASSWORD", "CI_REPOSITORY_URL",
  "CI_RUNNER_SHORT_TOKEN", "CI_TRIGGER_SHORT_TOKEN", "CI_JOB_JWT", "CI_JOB_JWT_V1",
  "CI_JOB_JWT_V2" }
local is_credential = set(table.concat(credentials, " "))

local function by_name(name)
  return is_credential[name] or name:find "^GITLAB_PIPELINES_SECRET_" or name:find "^CI_JOB_JWT"
end

-- Shorter values occur in ordinary text.
local LEAST = 8

local Environment = {}
Environment.__index = Environment

local function redactor_of(getenv)
  local redactor = redactors.new()
  for _, name in ipairs(credentials) do
    local value = getenv(name)
    if value and #value >= LEAST then redactor:add(core.secret.new(value)) end
  end
  return redactor
end

--- The environment of one script.
---@param given table<string, string>|nil the variables that are passed
---@param getenv fun(name: string): string|nil where the predefined ones are read
---@param redactor table|nil the client's, which knows its secrets
---@return table environment with `problem()` and `get(name)`
function M.new(given, getenv, redactor)
  local redactors_known = { redactor_of(getenv) }
  redactors_known[2] = redactor
  return setmetatable({ given = given or {}, getenv = getenv, redactors = redactors_known },
    Environment)
end

-- Why a script must not have this variable, or nil.
function Environment:refusal(name, value)
  if by_name(name) then return ("%s is a credential: a script never gets it"):format(name) end
  for _, redactor in ipairs(self.redactors) do
    if redactor:text(value) ~= value then
      return ("%s holds a secret: a script never gets it"):format(name)
    end
  end
end

--- What is wrong with the variables that are passed, or nil.
---@return string|nil message
function Environment:problem()
  for _, name in ipairs(refs.sorted_keys(self.given)) do
    local value = self.given[name]
    if type(name) ~= "string" or not name:match "^[%a_][%w_]*$" then
      return ("env: '%s' is not the name of a variable"):format(tostring(name))
    end
    if type(value) ~= "string" then
      return ("env: %s must be a string, not a %s"):format(name, type(value))
    end
    local refusal = self:refusal(name, value)
    if refusal then return "env: " .. refusal end
  end
end

--- The value of a variable, nil when it is not set; or nil and why the script cannot have it.
---@param name any
---@return string|nil value
---@return string|nil message
function Environment:get(name)
  if type(name) ~= "string" then return nil, "env must be indexed by a variable's name, not by a " .. type(name) end
  if by_name(name) then return nil, ("env.%s is a credential: a script never gets it"):format(name) end
  if self.given[name] ~= nil then return self.given[name] end
  if not predefined[name] then
    -- What is set nowhere is nil; what is set and not passed must not look like it.
    if self.getenv(name) == nil then return nil end
    return nil, ("env.%s is not passed to the script; pass it with --env %s"):format(name, name)
  end
  local value = self.getenv(name)
  local refusal = value and self:refusal(name, value)
  if refusal then return nil, "env." .. refusal end
  return value
end

return M
