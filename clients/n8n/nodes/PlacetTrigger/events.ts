import type { INodePropertyOptions } from 'n8n-workflow';

// The types of events that Placet has, in alphabetical order as n8n wants it.
export const eventOptions: INodePropertyOptions[] = [
	{ name: 'Answer Given', value: 'request.decided', description: 'Somebody answered' },
	{ name: 'Answer Taken Back', value: 'request.undone', description: 'Somebody took an answer back' },
	{
		name: 'Clarification Asked For',
		value: 'request.clarification_asked',
		description: 'Somebody asked the requester a question',
	},
	{
		name: 'Clarification Given',
		value: 'request.clarification_given',
		description: 'The requester answered a question',
	},
	{
		name: 'Delegate Added',
		value: 'request.delegate_added',
		description: 'Somebody may answer in somebody’s place',
	},
	{
		name: 'Mail Not Delivered',
		value: 'request.not_delivered',
		description: 'A mail did not reach somebody',
	},
	{
		name: 'Reassigned',
		value: 'request.reassigned',
		description: 'Somebody is asked in the place of somebody',
	},
	{ name: 'Reminded', value: 'request.reminded', description: 'Somebody was asked once more' },
	{ name: 'Request Changed', value: 'request.changed', description: 'What was entered was changed' },
	{ name: 'Request Ended', value: 'request.ended', description: 'A request has its result' },
	{
		name: 'Request Sent Back',
		value: 'request.sent_back',
		description: 'The requester is asked to change what was entered',
	},
	{ name: 'Request Started', value: 'request.started', description: 'A request was started' },
	{ name: 'Request Withdrawn', value: 'request.withdrawn', description: 'A request was taken back' },
	{ name: 'Somebody Asked', value: 'request.asked', description: 'Somebody was asked' },
	{ name: 'Step Began', value: 'request.step_entered', description: 'A step began' },
	{ name: 'Step Decided', value: 'request.step_closed', description: 'A step was decided' },
	{
		name: 'Step Escalated',
		value: 'request.escalated',
		description: 'Others are asked, because a step was not decided',
	},
	{
		name: 'Step Expired',
		value: 'request.expired',
		description: 'A step ended because it was not decided',
	},
	{
		name: 'Step No Longer Stuck',
		value: 'request.no_longer_stuck',
		description: 'A step that was stuck goes on',
	},
	{ name: 'Step Overdue', value: 'request.overdue', description: 'A step was not decided in time' },
	{ name: 'Step Stuck', value: 'request.stuck', description: 'Nobody can be asked in a step' },
];
