{{- define "demo.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "demo.pod" -}}
{{- if .Values.unschedulable }}
nodeSelector: { no-such: node }
{{- end }}
{{- end }}
