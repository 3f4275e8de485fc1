// SPDX-License-Identifier: Apache-2.0
#include "cli/template/tree.h"

#include <stdlib.h>

#include "base/text.h"

void template_operand_done(TemplateOperand *operand) {
    free(operand->text);
    for (size_t i = 0; i < operand->n; i++)
        free(operand->names[i]);
    free(operand->names);
    template_pipeline_free(operand->pipeline);
}

void template_pipeline_free(TemplatePipeline *pipeline) {
    if (!pipeline)
        return;
    for (size_t i = 0; i < pipeline->n; i++) {
        for (size_t k = 0; k < pipeline->command[i].n; k++)
            template_operand_done(&pipeline->command[i].operand[k]);
        free(pipeline->command[i].operand);
    }
    free(pipeline->command);
    free(pipeline->variable[0]);
    free(pipeline->variable[1]);
    free(pipeline);
}

void template_list_done(TemplateList *list) {
    for (size_t i = 0; i < list->n; i++) {
        free(list->node[i].text);
        template_pipeline_free(list->node[i].pipeline);
        template_list_done(&list->node[i].then);
        template_list_done(&list->node[i].otherwise);
    }
    free(list->node);
    *list = (TemplateList){};
}

void template_free(Template *template) {
    if (!template)
        return;
    template_list_done(&template->list);
    for (size_t i = 0; i < template->n; i++) {
        free(template->definition[i].name);
        template_list_done(&template->definition[i].list);
    }
    free(template->definition);
    free(template->source);
    free(template);
}

static bool pipeline_uses(const TemplatePipeline *pipeline, const char *field) {
    for (size_t i = 0; pipeline && i < pipeline->n; i++)
        for (size_t k = 0; k < pipeline->command[i].n; k++) {
            const TemplateOperand *operand = &pipeline->command[i].operand[k];
            if ((operand->n && text_equal(operand->names[0], field)) ||
                pipeline_uses(operand->pipeline, field))
                return true;
        }
    return false;
}

static bool list_uses(const TemplateList *list, const char *field) {
    for (size_t i = 0; i < list->n; i++)
        if (pipeline_uses(list->node[i].pipeline, field) || list_uses(&list->node[i].then, field) ||
            list_uses(&list->node[i].otherwise, field))
            return true;
    return false;
}

bool template_uses(const Template *template, const char *field) {
    for (size_t i = 0; i < template->n; i++)
        if (list_uses(&template->definition[i].list, field))
            return true;
    return list_uses(&template->list, field);
}
