{{/* What the pods of all components and of the test share; takes (list $ arguments) where arguments is a list */}}
{{- define "dutyd.container" -}}
{{- $root := index . 0 }}{{- $arguments := index . 1 -}}
name: dutyd
image: {{ include "dutyd.image" $root }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
command: [dutyd]
args: {{ toJson $arguments }}
env:
  - name: DUTYD_SETTINGS
    value: {{ include "dutyd.etc" $root }}/settings/dutyd.yaml
  {{- with $root.Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $root.Values.extraEnvFrom }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext: {{- toYaml $root.Values.securityContext | nindent 2 }}
volumeMounts:
  {{- range (include "dutyd.folders" $root | fromYamlArray) }}
  - {name: {{ .name }}, mountPath: {{ include "dutyd.etc" $root }}/{{ .path }}, readOnly: true}
  {{- end }}
  {{- if $root.Values.existingSecret }}
  - {name: secrets, mountPath: {{ include "dutyd.etc" $root }}/secrets, readOnly: true}
  {{- end }}
  - {name: data, mountPath: {{ include "dutyd.data" $root }}}
  - {name: tmp, mountPath: /tmp}
  {{- with $root.Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "dutyd.volumes" -}}
{{- range (include "dutyd.folders" . | fromYamlArray) }}
- name: {{ .name }}
  configMap: {name: {{ .configMap }}}
{{- end }}
{{- with .Values.existingSecret }}
- name: secrets
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
- name: data
  emptyDir: {sizeLimit: 1Gi}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Where and as whom pods run */}}
{{- define "dutyd.place" -}}
serviceAccountName: {{ include "dutyd.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}
