/* Doubly linked lists of rows. */
#include "state/internal.h"

static struct weir_row_link *link_of(struct weir_table *table, weir_row_ref ref, size_t offset)
{
    return (struct weir_row_link *)(row_for_writing(table, ref) + offset);
}

void weir_row_list_append(
    struct weir_table *table, size_t link_offset, struct weir_row_list *list, weir_row_ref member)
{
    *link_of(table, member, link_offset) = (struct weir_row_link){ .previous = list->last };
    if (list->last)
        link_of(table, list->last, link_offset)->next = member;
    else
        list->first = member;
    list->last = member;
    list->count++;
}

void weir_row_list_prepend(
    struct weir_table *table, size_t link_offset, struct weir_row_list *list, weir_row_ref member)
{
    *link_of(table, member, link_offset) = (struct weir_row_link){ .next = list->first };
    if (list->first)
        link_of(table, list->first, link_offset)->previous = member;
    else
        list->last = member;
    list->first = member;
    list->count++;
}

void weir_row_list_remove(
    struct weir_table *table, size_t link_offset, struct weir_row_list *list, weir_row_ref member)
{
    struct weir_row_link link = *link_of(table, member, link_offset);
    if (link.previous)
        link_of(table, link.previous, link_offset)->next = link.next;
    else
        list->first = link.next;
    if (link.next)
        link_of(table, link.next, link_offset)->previous = link.previous;
    else
        list->last = link.previous;
    list->count--;
}
