{{/* What a schema can't say: values that are wrong together, and settings that belong to the chart. */}}
{{- define "dutyd.check" -}}
{{- $values := .Values }}
{{- range $setting, $instead := dict
    "rules" "rules.inline or rules.configMaps"
    "runbooks" "runbooks.inline or runbooks.configMap"
    "policy" "policy.inline or policy.configMap"
    "data" "nothing: nothing of worth is kept in the pods" }}
{{- if hasKey $values.settings $setting }}
{{- fail (printf "settings.%s is set by the chart; use %s" $setting $instead) }}
{{- end }}
{{- end }}
{{- range $setting := list "host" "port" }}
{{- if hasKey (default dict $values.settings.http) $setting }}
{{- fail (printf "settings.http.%s is set by the chart: the probes need it as it is; only http.tokens is yours" $setting) }}
{{- end }}
{{- end }}
{{- if hasKey (default dict .Values.settings.worker) "drain" }}
{{- fail "settings.worker.drain is set by the chart; use drainSeconds, which the grace period of the pods follows" }}
{{- end }}
{{- if not .Values.settings.stream }}
{{- fail "settings.stream is needed: say where the topics are, such as kafka://kafka-bootstrap.kafka:9092" }}
{{- end }}
{{- if not .Values.settings.redis }}
{{- fail "settings.redis is needed: say where the ledger is, such as redis://redis.redis:6379 (its password: settings.redis_password_file)" }}
{{- end }}
{{- if not (or .Values.rules.inline .Values.rules.configMaps) }}
{{- fail "there are no rules: set rules.inline (or helm --set-file), or name ConfigMaps in rules.configMaps" }}
{{- end }}
{{- if and (not .Values.existingSecret) (contains (printf "%s/secrets/" (include "dutyd.etc" .)) (toJson .Values.settings)) }}
{{- fail "the settings name files in /etc/dutyd/secrets, and existingSecret, whose keys they would be, is not set" }}
{{- end }}
{{- range $map := .Values.rules.configMaps }}
{{- if has $map (list "inline" "tables" "tests" "runbooks") }}
{{- fail (printf "rules.configMaps: no rules are read from a folder named %s; rename the ConfigMap" $map) }}
{{- end }}
{{- end }}
{{- range $thing := list "tables" "runbooks" "policy" }}
{{- $given := index $values $thing }}
{{- if and $given.inline $given.configMap }}
{{- fail (printf "%s.inline and %s.configMap exclude each other" $thing $thing) }}
{{- end }}
{{- end }}
{{- range $alias := .Values.bridge.topics }}
{{- if not (hasKey (default dict $values.settings.topics) $alias) }}
{{- fail (printf "bridge.topics names '%s', which is not among settings.topics" $alias) }}
{{- end }}
{{- end }}
{{- if and .Values.bridge.tokenKey (not .Values.existingSecret) }}
{{- fail "bridge.tokenKey is a key of existingSecret: name that Secret, too" }}
{{- end }}
{{- if and .Values.networkPolicy.enabled (not .Values.networkPolicy.egress) }}
{{- fail "networkPolicy.egress is needed: say where Kafka, Redis, the model and the providers are" }}
{{- end }}
{{- range $component := splitList " " (include "dutyd.components" .) }}
{{- $keda := (index $values $component).keda }}
{{- if and $keda.enabled (lt (int $keda.maxReplicas) (int $keda.minReplicas)) }}
{{- fail (printf "%s.keda.maxReplicas is less than minReplicas" $component) }}
{{- end }}
{{- if and $keda.enabled (eq $component "worker") (not $keda.triggers) }}
{{- fail "worker.keda.triggers is needed: a worker has no lag in Kafka; use a prometheus trigger on dutyd_oldest_due_seconds" }}
{{- end }}
{{- if and $keda.enabled (not $keda.triggers) (not $values.settings.topics) }}
{{- fail (printf "%s.keda needs settings.topics, or triggers of its own" $component) }}
{{- end }}
{{- if and $keda.enabled (not $keda.triggers) (not (hasPrefix "kafka://" $values.settings.stream)) }}
{{- fail (printf "%s.keda needs a stream on Kafka, or triggers of its own" $component) }}
{{- end }}
{{- end }}
{{- end }}
