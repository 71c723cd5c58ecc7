{{/* Names */}}
{{- define "dutyd.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "dutyd.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := include "dutyd.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Deployments that there are, separated by spaces */}}
{{- define "dutyd.components" -}}
{{- if eq .Values.role "all" }}all{{ else }}evaluator worker{{ end }}
{{- end }}

{{/* The name of a component's objects; takes (list $ component) */}}
{{- define "dutyd.componentName" -}}
{{- $root := index . 0 }}{{- $component := index . 1 }}
{{- include "dutyd.fullname" $root }}{{ if ne $component "all" }}-{{ $component }}{{ end }}
{{- end }}

{{- define "dutyd.selectorLabels" -}}
app.kubernetes.io/name: {{ include "dutyd.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "dutyd.labels" -}}
{{ include "dutyd.selectorLabels" . }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "dutyd.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "dutyd.fullname" .) .Values.serviceAccount.name }}
{{- else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- define "dutyd.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{/* Places in the container */}}
{{- define "dutyd.etc" -}}/etc/dutyd{{- end }}
{{- define "dutyd.data" -}}/var/lib/dutyd{{- end }}
{{- define "dutyd.port" -}}8080{{- end }}

{{- define "dutyd.hasPolicy" -}}
{{- if or .Values.policy.inline .Values.policy.configMap }}yes{{ end }}
{{- end }}

{{/* The installation's name: topics, consumer groups and Redis keys begin with it */}}
{{- define "dutyd.installation" -}}
{{- default .Release.Name .Values.settings.installation }}
{{- end }}

{{/* The settings file: what the user says, and what the chart knows better */}}
{{- define "dutyd.settings" -}}
{{- $etc := include "dutyd.etc" . }}
{{- $settings := deepCopy .Values.settings }}
{{- $_ := set $settings "installation" (include "dutyd.installation" .) }}
{{- $_ := set $settings "data" (include "dutyd.data" .) }}
{{- $_ := set $settings "rules" (printf "%s/rules" $etc) }}
{{- $_ := set $settings "runbooks" (printf "%s/runbooks" $etc) }}
{{- if include "dutyd.hasPolicy" . }}
{{- $_ := set $settings "policy" (printf "%s/policy/policy.yaml" $etc) }}
{{- end }}
{{- $http := deepCopy (default dict $settings.http) }}
{{- $_ := set $http "host" "0.0.0.0" }}
{{- $_ := set $http "port" (include "dutyd.port" . | int) }}
{{- $_ := set $settings "http" $http }}
{{- $worker := deepCopy (default dict $settings.worker) }}
{{- $_ := set $worker "drain" (printf "%ds" (int .Values.drainSeconds)) }}
{{- $_ := set $settings "worker" $worker }}
{{- toYaml $settings }}
{{- end }}

{{/* The folders that are mounted: YAML list of {name, path, configMap} */}}
{{- define "dutyd.folders" -}}
{{- $name := include "dutyd.fullname" . }}
- {name: settings, path: settings, configMap: {{ $name }}-settings}
{{- if .Values.rules.inline }}
- {name: rules, path: rules/inline, configMap: {{ $name }}-rules}
{{- end }}
{{- range $index, $map := .Values.rules.configMaps }}
- {name: rules-{{ $index }}, path: rules/{{ $map }}, configMap: {{ $map }}}
{{- end }}
{{- if or .Values.tables.inline .Values.tables.configMap }}
- {name: tables, path: rules/tables, configMap: {{ default (printf "%s-tables" $name) .Values.tables.configMap }}}
{{- end }}
- {name: runbooks, path: runbooks, configMap: {{ default (printf "%s-runbooks" $name) .Values.runbooks.configMap }}}
{{- if include "dutyd.hasPolicy" . }}
- {name: policy, path: policy, configMap: {{ default (printf "%s-policy" $name) .Values.policy.configMap }}}
{{- end }}
{{- end }}
